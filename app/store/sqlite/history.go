package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"

	"smart-factory-backend/app/factory"
)

// History implements factory.Store.
func (s *Store) History(ctx context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	s.reading.RLock()
	defer s.reading.RUnlock()
	if err := s.mayRead(ctx, q.Limit); err != nil {
		return factory.HistoryPage{}, err
	}
	all := s.catalog.ofMachine(q.Machine)
	if len(all) == 0 {
		return factory.HistoryPage{}, fmt.Errorf("machine %q: %w", q.Machine, factory.ErrNotFound)
	}
	after := position{at: math.MinInt64}
	if q.Cursor != "" {
		var err error
		if after, err = decodeCursor(historyCursor, q.Cursor); err != nil {
			return factory.HistoryPage{}, err
		}
		if after.machine != q.Machine {
			return factory.HistoryPage{}, fmt.Errorf("cursor belongs to machine %q, not %q: %w", after.machine, q.Machine, factory.ErrInvalid)
		}
	}
	reader := historyReader{ctx: ctx, readers: s.readers}
	defer reader.close()
	return reader.page(wanted(all, q.Metrics), q, after)
}

// wanted returns those of a machine's series whose metric is listed; all if
// the list is empty.
func wanted(all []*series, metrics []string) []*series {
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

// historyReader answers one query. It takes a connection only when there are
// chunks to read.
type historyReader struct {
	ctx     context.Context
	readers *readers
	conn    *conn
	failed  bool
	scratch []factory.Point
}

// page collects up to q.Limit points of the series, after the position.
func (r *historyReader) page(all []*series, q factory.HistoryQuery, after position) (page factory.HistoryPage, err error) {
	left := min(q.Limit, math.MaxInt-1)
	var last position
	for _, s := range all {
		from := q.From
		switch {
		case s.metric < after.metric:
			continue
		case s.metric == after.metric && after.machine != "":
			if after.at == math.MaxInt64 {
				continue
			}
			from = max(from, after.at+1)
		}
		// One more than fits tells whether there is a next page.
		points, err := r.points(s, from, q.To, left+1)
		if err != nil {
			return factory.HistoryPage{}, err
		}
		more := len(points) > left
		points = points[:min(left, len(points))]
		if len(points) > 0 {
			page.Series = append(page.Series, factory.Series{Metric: s.metric, Points: points})
			last = position{key: s.key, at: points[len(points)-1].ObservedAt}
			left -= len(points)
		}
		if more {
			page.NextCursor = encodeCursor(historyCursor, last)
			return page, nil
		}
	}
	return page, nil
}

// points returns the first points of s from from to to, at most limit. It
// looks at the memory first: what is sealed in between is then found in the
// file, and what is found in both is taken once.
func (r *historyReader) points(s *series, from, to int64, limit int) ([]factory.Point, error) {
	if from >= to {
		return nil, nil
	}
	memory, chunked := s.unsealed(from, to, limit)
	if !chunked {
		return memory, nil
	}
	points, err := r.withChunks(s, memory, from, to, limit)
	if err != nil {
		return nil, unavailable(fmt.Sprintf("read machine %q, metric %q", s.machine, s.metric), err)
	}
	return points, nil
}

// withChunks merges the chunks of s into the points from memory.
func (r *historyReader) withChunks(s *series, memory []factory.Point, from, to int64, limit int) (points []factory.Point, err error) {
	if err := r.connect(); err != nil {
		return nil, err
	}
	// Chunks do not overlap, so all before the last one that starts at or
	// before from end before it too.
	err = r.conn.query(`
		SELECT id, n, data FROM chunk
		WHERE series_id = ?1 AND t0 < ?3 AND t1 >= ?2 AND t0 >= coalesce(
			(SELECT max(t0) FROM chunk WHERE series_id = ?1 AND t0 <= ?2), ?2)
		ORDER BY t0`,
		func(v []driver.Value) error {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			start := len(points)
			points, err = decodeChunk(points, asBytes(v[2]))
			if err != nil {
				return fmt.Errorf("chunk %d: %w", asInt(v[0]), err)
			}
			points, memory = r.overlay(points, start, memory, from, to)
			if len(points) >= limit {
				return errStop
			}
			return nil
		}, s.id, from, to)
	if err != nil {
		r.failed = true
		return nil, err
	}
	points = append(points, memory...)
	return points[:min(len(points), limit)], nil
}

// overlay finishes the chunk that begins at start in points: only what lies
// from from to to stays, and the points from memory up to its end are merged
// in. It returns the rest of memory too.
func (r *historyReader) overlay(points []factory.Point, start int, memory []factory.Point, from, to int64) (merged, rest []factory.Point) {
	sealed := between(points[start:], from, to)
	if len(sealed) == 0 {
		return points[:start], memory
	}
	over := between(memory, math.MinInt64, sealed[len(sealed)-1].ObservedAt+1)
	if len(over) == 0 && len(sealed) == len(points)-start {
		return points, memory
	}
	r.scratch = append(r.scratch[:0], sealed...)
	return mergePoints(points[:start], r.scratch, over), memory[len(over):]
}

// connect takes a connection unless there is one.
func (r *historyReader) connect() (err error) {
	if r.conn == nil {
		r.conn, err = r.readers.take(r.ctx)
	}
	return err
}

// close gives the connection back.
func (r *historyReader) close() {
	if r.conn != nil {
		r.readers.put(r.conn, r.failed)
	}
}
