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
	all, after, err := s.querySeries(q.Machine, q.Metrics, historyCursor, q.Cursor)
	if err != nil {
		return factory.HistoryPage{}, err
	}
	reader := s.newSeriesReader(ctx)
	defer reader.close()
	return reader.page(all, q, after)
}

// querySeries returns the series of a machine that a query covers, and the
// position of its cursor. Without a cursor, the position is before all points.
func (s *Store) querySeries(machine string, metrics []string, kind store.CursorKind, cursor string) (all []*series, after store.Position, err error) {
	if s.catalog.machine(machine) == nil {
		return nil, after, fmt.Errorf("machine %q: %w", machine, factory.ErrNotFound)
	}
	after, ok, err := kind.DecodeFor(machine, cursor)
	if err != nil {
		return nil, after, err
	}
	if !ok {
		after.At = math.MinInt64
	}
	return filterMetrics(s.catalog.machineSeries(machine), metrics), after, nil
}

// filterMetrics returns the series whose metric is listed; an empty list
// stands for all.
func filterMetrics(all []*series, metrics []string) []*series {
	if len(metrics) == 0 {
		return all
	}
	listed := make(map[string]bool, len(metrics))
	for _, metric := range metrics {
		listed[metric] = true
	}
	var some []*series
	for _, s := range all {
		if listed[s.metric] {
			some = append(some, s)
		}
	}
	return some
}

// page collects up to q.Limit points of the series, starting after the
// position.
func (r *seriesReader) page(all []*series, q factory.HistoryQuery, after store.Position) (page factory.HistoryPage, err error) {
	left := min(q.Limit, math.MaxInt-1)
	var last store.Position
	for _, s := range all {
		from := q.From
		switch {
		case s.metric < after.Metric:
			continue
		case s.metric == after.Metric && after.Machine != "":
			if after.At == math.MaxInt64 {
				continue
			}
			from = max(from, after.At+1)
		}
		// One extra point shows whether there is a next page.
		points, err := r.points(s, from, q.To, left+1)
		if err != nil {
			return factory.HistoryPage{}, err
		}
		more := len(points) > left
		points = points[:min(left, len(points))]
		if len(points) > 0 {
			page.Series = append(page.Series, factory.Series{Metric: s.metric, Unit: s.meta.Load().unit, Points: points})
			last = positionOf(s.key, points[len(points)-1].ObservedAt)
			left -= len(points)
		}
		if more {
			page.NextCursor = historyCursor.Encode(last)
			return page, nil
		}
	}
	return page, nil
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
		return nil, store.Unavailable(fmt.Sprintf("read machine %q, metric %q", s.machine, s.metric), err)
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
	sealed := between(points[start:], from, to)
	if len(sealed) == 0 {
		return points[:start], memory
	}
	newer := between(memory, math.MinInt64, sealed[len(sealed)-1].ObservedAt+1)
	if len(newer) == 0 && len(sealed) == len(points)-start {
		return points, memory
	}
	r.scratch = append(r.scratch[:0], sealed...)
	return mergePoints(points[:start], r.scratch, newer), memory[len(newer):]
}
