package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"smart-factory-backend/app/factory"
)

// load rebuilds the memory of the store from the file: the series with their
// latest chunk, then the points in the ingest log, in the order in which they
// were committed. A point that is sealed already comes again with the log row
// that it shares with others; it then lies over its chunk with the same value.
func (s *Store) load(ctx context.Context, c *conn) error {
	byID, err := s.loadSeries(ctx, c)
	if err != nil {
		return fmt.Errorf("load series: %w", err)
	}
	if err := s.loadLog(ctx, c, byID); err != nil {
		return fmt.Errorf("load ingest log: %w", err)
	}
	return nil
}

func (s *Store) loadSeries(ctx context.Context, c *conn) (map[int64]*series, error) {
	byID := make(map[int64]*series)
	var all []*series
	err := c.query(`
		SELECT s.id, s.machine, s.metric, c.t1, c.n, c.vlast
		FROM series AS s LEFT JOIN chunk AS c
		ON c.id = (SELECT id FROM chunk WHERE series_id = s.id ORDER BY t0 DESC LIMIT 1)`,
		func(v []driver.Value) error {
			known := &series{id: asInt(v[0]), key: key{asString(v[1]), asString(v[2])}}
			if v[3] != nil {
				known.restore(tail{t1: asInt(v[3]), points: int(asInt(v[4]))}, asInt(v[5]))
			}
			byID[known.id] = known
			all = append(all, known)
			s.committer.lastSeries = max(s.committer.lastSeries, known.id)
			return ctx.Err()
		})
	s.catalog.add(all)
	return byID, err
}

func (s *Store) loadLog(ctx context.Context, c *conn, byID map[int64]*series) error {
	now := s.options.now().UnixMilli()
	return c.query("SELECT seq, data FROM ingest_log ORDER BY seq", func(v []driver.Value) error {
		seq, data := asInt(v[0]), asBytes(v[1])
		err := decodeLog(data, func(id int64, p factory.Point) error {
			known := byID[id]
			if known == nil {
				return fmt.Errorf("series %d is not registered: %w", id, ErrCorrupt)
			}
			s.sealer.add(known, p, seq, now)
			return nil
		})
		if err != nil {
			return fmt.Errorf("row %d: %w", seq, err)
		}
		s.committer.lastSeq = seq
		s.backlog.markApplied(seq)
		s.sealer.logGrew(len(data))
		return ctx.Err()
	})
}
