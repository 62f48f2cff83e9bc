package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// History implements factory.Store.
func (s *Store) History(ctx context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	s.queryMu.RLock()
	defer s.queryMu.RUnlock()
	if err := s.checkQuery(ctx, q.Limit); err != nil {
		return factory.HistoryPage{}, err
	}
	pager, err := s.newPager(q.Machine, q.Metrics, historyCursor, q.Cursor)
	if err != nil {
		return factory.HistoryPage{}, err
	}
	reader := s.newSeriesReader(ctx)
	defer reader.close()
	return pager.History(q, func(of *series, from int64, limit int) ([]factory.Point, error) {
		return reader.points(of, from, q.To, limit)
	})
}

// newPager returns the pager of a query of one machine.
func (s *Store) newPager(machine string, metrics []string, kind store.CursorKind, cursor string) (p store.Pager[*series], err error) {
	if s.catalog.machine(machine) == nil {
		return p, store.MachineNotFound(machine)
	}
	after, err := kind.DecodeFor(machine, cursor)
	if err != nil {
		return p, err
	}
	selected := store.SelectMetrics(s.catalog.machineSeries(machine), metrics, func(s *series) string { return s.Metric })
	return store.Pager[*series]{Kind: kind, After: after, Series: selected, Metric: func(s *series) factory.Metric { return *s.metric() }}, nil
}

// readError is the error for a series whose points cannot be read.
func readError(s *series, err error) error {
	return store.Unavailable(fmt.Sprintf("read machine %q, metric %q", s.Machine, s.Metric), err)
}

// points returns the first points of s from from (inclusive) to to
// (exclusive), at most limit. It reads the memory before the file, so that
// points sealed in between are found at least once; merging removes
// duplicates.
func (r *seriesReader) points(s *series, from, to int64, limit int) ([]factory.Point, error) {
	from = max(from, s.expiry(r.now, r.retention))
	if from >= to {
		return nil, nil
	}
	memory, chunked := s.unsealed(from, to, limit)
	if !chunked {
		return memory, nil
	}
	points, err := r.withChunks(s, memory, from, to, limit)
	if err != nil {
		return nil, readError(s, err)
	}
	return points, nil
}

// chunksOfRange selects the chunks of series ?1 that may have points from ?2
// to ?3. Chunks do not overlap, so only the last chunk that starts at or
// before ?2 can reach beyond it.
const chunksOfRange = `
	SELECT id, data FROM chunk
	WHERE series_id = ?1 AND t0 < ?3 AND t1 >= ?2 AND t0 >= coalesce(
		(SELECT max(t0) FROM chunk WHERE series_id = ?1 AND t0 <= ?2), ?2)
	ORDER BY t0`

// withChunks merges the chunks of s with the points from memory.
func (r *seriesReader) withChunks(s *series, memory []factory.Point, from, to int64, limit int) (points []factory.Point, err error) {
	if err := r.connect(); err != nil {
		return nil, err
	}
	err = r.query(chunksOfRange,
		func(v []driver.Value) error {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			start := len(points)
			points = r.decode(s, asInt(v[0]), asBytes(v[1]), points)
			points, memory = r.overlay(points, start, memory, from, to)
			if len(points) >= limit {
				return errStop
			}
			return nil
		}, s.id, from, to)
	if err != nil {
		return nil, err
	}
	points = append(points, memory...)
	return points[:min(len(points), limit)], nil
}

// overlay limits the chunk that begins at points[start] to the range from from
// to to and merges the points from memory up to the end of the chunk. It also
// returns the rest of memory.
func (r *seriesReader) overlay(points []factory.Point, start int, memory []factory.Point, from, to int64) (merged, rest []factory.Point) {
	sealed := store.Between(points[start:], from, to)
	if len(sealed) == 0 {
		return points[:start], memory
	}
	newer := store.Between(memory, math.MinInt64, sealed[len(sealed)-1].ObservedAt+1)
	if len(newer) == 0 && len(sealed) == len(points)-start {
		return points, memory
	}
	r.scratch = append(r.scratch[:0], sealed...)
	return mergePoints(points[:start], r.scratch, newer), memory[len(newer):]
}
