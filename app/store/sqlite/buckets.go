package sqlite

import (
	"context"
	"database/sql/driver"
	"math"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Buckets implements factory.Store. It uses the stored summaries of chunks and
// rollups that lie within a bucket, and decodes only the other chunks.
func (s *Store) Buckets(ctx context.Context, q factory.BucketQuery) (page factory.BucketPage, err error) {
	s.queryMu.RLock()
	defer s.queryMu.RUnlock()
	if err := s.checkQuery(ctx, q.Limit); err != nil {
		return page, err
	}
	if err := q.Interval.Validate(); err != nil {
		return page, err
	}
	pager, err := s.newPager(q.Machine, q.Metrics, bucketsCursor, q.Cursor)
	if err != nil {
		return page, err
	}
	reader := s.newSeriesReader(ctx)
	defer reader.close()
	return pager.Buckets(q, func(of *series, from int64, limit int) ([]factory.Bucket, bool, error) {
		return reader.buckets(of, &store.BucketBuilder{Query: q, From: max(from, of.expiry(reader.now, reader.retention)), Limit: limit})
	})
}

// buckets returns the buckets of s, and whether there are more.
func (r *seriesReader) buckets(s *series, b *store.BucketBuilder) ([]factory.Bucket, bool, error) {
	if b.From >= b.Query.To {
		return nil, false, nil
	}
	if err := r.fillBuckets(s, b); err != nil {
		return nil, false, readError(s, err)
	}
	return b.Finish(s.metric().Kind), b.More, nil
}

func (r *seriesReader) fillBuckets(s *series, b *store.BucketBuilder) error {
	memory, chunked := s.unsealed(b.From, b.Query.To, math.MaxInt)
	if s.metric().Kind == factory.Counter {
		if err := r.findPrevious(s, b, chunked); err != nil {
			return err
		}
	}
	fill := bucketFiller{seriesReader: r, series: s, buckets: b, memory: memory}
	if chunked {
		if err := fill.fill(maxRollupLevel(b.Query.Interval), b.From, b.Query.To); err != nil {
			return err
		}
	}
	fill.addMemory(b.Query.To)
	return nil
}

// findPrevious looks up the last unexpired point before b.From.
func (r *seriesReader) findPrevious(s *series, b *store.BucketBuilder, chunked bool) error {
	least := s.expiry(r.now, r.retention)
	if least >= b.From {
		return nil
	}
	previous, found := s.lastUnsealed(least, b.From)
	if found {
		b.SetPrevious(previous)
	}
	if !chunked {
		return nil
	}
	return r.eachChunk(`SELECT id, data FROM chunk WHERE series_id = ?1 AND t0 < ?2 AND t1 >= ?3 ORDER BY t0 DESC`,
		s, func(points []factory.Point) error {
			points = store.Between(points, least, b.From)
			if n := len(points); n > 0 && (!found || points[n-1].ObservedAt > previous.ObservedAt) {
				b.SetPrevious(points[n-1])
			}
			if len(points) > 0 || found {
				return errStop
			}
			return nil
		}, s.id, b.From, least)
}

// stride is the fixed length of buckets, or 0. The query for chunks leaves out
// the data of chunks that lie within one stride, or of all chunks if it is 0;
// data that turns out to be necessary is read separately.
func stride(interval factory.Interval) int64 {
	if interval.Calendar == factory.Fixed {
		return interval.Millis
	}
	return 0
}

// chunkSummary returns the summary in the columns that fromChunks selects.
func chunkSummary(v []driver.Value) factory.Summary {
	return factory.Summary{
		Count: asInt(v[3]), Min: asFloat(v[6]), Max: asFloat(v[7]), Sum: asFloat(v[8]),
		First:    factory.Point{ObservedAt: asInt(v[1]), Value: math.Float64frombits(uint64(asInt(v[4])))},
		Last:     factory.Point{ObservedAt: asInt(v[2]), Value: math.Float64frombits(uint64(asInt(v[5])))},
		Increase: asFloat(v[10]),
	}.WithCarry(asFloat(v[9]))
}
