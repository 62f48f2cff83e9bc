package sqlite

import (
	"context"
	"math"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Downsample implements factory.Store. It reads the points three times instead
// of holding all of them in memory.
func (s *Store) Downsample(ctx context.Context, q factory.DownsampleQuery) (all []factory.Series, err error) {
	s.queryMu.RLock()
	defer s.queryMu.RUnlock()
	if err := s.checkQuery(ctx, 1); err != nil {
		return nil, err
	}
	if err := store.CheckAtLeast("points", q.Points, 2); err != nil {
		return nil, err
	}
	pager, err := s.newPager(q.Machine, q.Metrics, historyCursor, "")
	if err != nil {
		return nil, err
	}
	reader := s.newSeriesReader(ctx)
	defer reader.close()
	return pager.Downsample(func(of *series) ([]factory.Point, error) {
		points, err := reader.downsample(of, q.From, q.To, q.Points)
		if err != nil {
			return nil, readError(of, err)
		}
		return points, nil
	})
}

func (r *seriesReader) downsample(s *series, from, to int64, n int) ([]factory.Point, error) {
	from = max(from, s.expiry(r.now, r.retention))
	if from >= to {
		return nil, nil
	}
	memory, chunked := s.unsealed(from, to, math.MaxInt)
	if !chunked {
		return factory.LTTB(n, len(memory), func(yield func([]factory.Point)) error { yield(memory); return nil })
	}
	// The transaction lets all passes see the same chunks.
	if err := r.connect(); err != nil {
		return nil, err
	}
	if err := r.conn.exec("BEGIN"); err != nil {
		r.failed = true
		return nil, err
	}
	defer func() {
		if r.conn.exec("ROLLBACK") != nil {
			r.failed = true
		}
	}()
	each := func(yield func([]factory.Point)) error { return r.eachPoint(s, memory, from, to, yield) }
	total := 0
	if err := each(func(points []factory.Point) { total += len(points) }); err != nil {
		return nil, err
	}
	return factory.LTTB(n, total, each)
}

// eachPoint passes all points of s to yield, chunk by chunk, merged with those
// from memory.
func (r *seriesReader) eachPoint(s *series, memory []factory.Point, from, to int64, yield func([]factory.Point)) error {
	var merged []factory.Point
	err := r.eachChunk(chunksOfRange, s, func(points []factory.Point) error {
		points = store.Between(points, from, to)
		if len(points) == 0 {
			return nil
		}
		newer := store.Between(memory, math.MinInt64, points[len(points)-1].ObservedAt+1)
		if len(newer) > 0 {
			memory = memory[len(newer):]
			merged = mergePoints(merged[:0], points, newer)
			points = merged
		}
		yield(points)
		return nil
	}, s.id, from, to)
	if err == nil {
		yield(memory)
	}
	return err
}
