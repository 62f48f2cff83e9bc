package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// recover rebuilds the state in memory: the registry and the bounds of chunks
// from their tables, then the unsealed points from the ingest log in the order
// of their commits. A log row may also have points that are sealed already;
// they replace themselves with the same value.
func (s *Store) recover(ctx context.Context, c *conn) error {
	var byID map[int64]*series
	for _, step := range []struct {
		name string
		load func() error
	}{
		{"load machines", func() error { return s.loadMachines(ctx, c) }},
		{"load series", func() (err error) { byID, err = s.loadSeries(ctx, c); return err }},
		{"load purged series", func() error { return s.loadPurged(c) }},
		{"count damaged parts", func() error { return s.sealer.maintenance.countQuarantine(c) }},
		{"find the last event", func() error { return s.committer.journal.load(c) }},
		{"load ingest log", func() error { return s.replayLog(ctx, c, byID) }},
	} {
		if err := step.load(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (s *Store) loadMachines(ctx context.Context, c *conn) error {
	var all []*machine
	err := eachDocument(ctx, c, factory.DocumentMachine, func(d factory.Document) error {
		m, err := store.ParseMachine(d)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		all = append(all, newMachine(m))
		return nil
	})
	s.catalog.add(nil, all)
	return err
}

// eachDocument calls f for all documents of a kind, including deleted ones.
func eachDocument(ctx context.Context, c *conn, kind factory.DocumentKind, f func(factory.Document) error) error {
	return c.query(selectDocuments+"WHERE kind = ?", func(v []driver.Value) error {
		return errors.Join(f(scanDocument(v)), ctx.Err())
	}, string(kind))
}

func (s *Store) loadSeries(ctx context.Context, c *conn) (map[int64]*series, error) {
	described := make(map[string]factory.Document)
	err := eachDocument(ctx, c, factory.DocumentMetric, func(d factory.Document) error {
		described[d.ID] = d
		return nil
	})
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]*series)
	var all []*series
	err = c.query(`
		SELECT s.id, last.t1, last.n, last.vlast, first.t1, s.machine, s.metric
		FROM series AS s
		LEFT JOIN chunk AS last ON last.id = (SELECT id FROM chunk WHERE series_id = s.id ORDER BY t0 DESC LIMIT 1)
		LEFT JOIN chunk AS first ON first.id = (SELECT id FROM chunk WHERE series_id = s.id ORDER BY t0 LIMIT 1)`,
		func(v []driver.Value) error {
			k := key{Machine: asString(v[5]), Metric: asString(v[6])}
			metric, err := store.ParseMetric(described[factory.MetricDocumentID(k.Machine, k.Metric)], k)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrCorrupt, err)
			}
			known := newSeries(asInt(v[0]), metric)
			if v[1] != nil {
				known.setChunks(lastChunk{end: asInt(v[1]), points: int(asInt(v[2]))}, asInt(v[4]), asInt(v[3]))
			}
			known.machineDeleted.Store(s.catalog.machine(known.Machine).liveMeta() == nil)
			byID[known.id] = known
			all = append(all, known)
			s.committer.lastSeries = max(s.committer.lastSeries, known.id)
			return ctx.Err()
		})
	s.catalog.add(all, nil)
	return byID, err
}

// loadPurged loads the purged series whose points may not all be deleted yet.
func (s *Store) loadPurged(c *conn) error {
	return c.query("SELECT series_id, seq FROM purged", func(v []driver.Value) error {
		s.sealer.markPurged(asInt(v[0]), asInt(v[1]))
		s.committer.lastSeries = max(s.committer.lastSeries, asInt(v[0]))
		return nil
	})
}

func (s *Store) replayLog(ctx context.Context, c *conn, byID map[int64]*series) error {
	now := s.options.now().UnixMilli()
	damaged := make(map[int64]error)
	err := c.query("SELECT seq, data FROM ingest_log ORDER BY seq", func(v []driver.Value) error {
		seq, data := asInt(v[0]), asBytes(v[1])
		err := decodeLog(data, func(id int64, p factory.Point) error {
			known := byID[id]
			if _, purged := s.sealer.maintenance.purged[id]; purged {
				return nil
			}
			if known == nil {
				return fmt.Errorf("series %d is not registered: %w", id, ErrCorrupt)
			}
			s.sealer.add(known, p, seq, now)
			return nil
		})
		if err != nil {
			damaged[seq] = fmt.Errorf("ingest log, row %d: %w", seq, err)
		}
		s.committer.lastSeq = seq
		s.sealQueue.markApplied(seq)
		s.sealer.addLogBytes(len(data))
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for seq, cause := range damaged {
		if err := quarantineLogRow(c, seq, cause, now); err != nil {
			return err
		}
		s.sealer.maintenance.quarantined.Add(1)
		s.sealer.maintenance.report(store.Event{Kind: EventDamaged, Err: cause})
	}
	return nil
}
