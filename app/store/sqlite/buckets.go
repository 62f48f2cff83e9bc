package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"slices"
	"time"

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
	all, after, err := s.querySeries(q.Machine, q.Metrics, bucketsCursor, q.Cursor)
	if err != nil {
		return page, err
	}
	reader := s.newSeriesReader(ctx)
	defer reader.close()
	left := min(q.Limit, math.MaxInt-1)
	var last store.Position
	for _, of := range all {
		b := bucketBuilder{interval: q.Interval, location: q.Location, from: q.From, to: q.To, limit: left + 1}
		switch {
		case of.metric < after.Metric:
			continue
		case of.metric == after.Metric && q.Cursor != "":
			_, b.from = q.Interval.Bounds(after.At, q.Location)
			b.from = max(b.from, q.From)
		}
		// One extra bucket shows whether there is a next page.
		buckets, err := reader.buckets(of, &b)
		if err != nil {
			return factory.BucketPage{}, err
		}
		more := len(buckets) > left
		buckets = buckets[:min(left, len(buckets))]
		if len(buckets) > 0 {
			meta := of.meta.Load()
			page.Series = append(page.Series, factory.BucketSeries{Metric: of.metric, Unit: meta.unit, Kind: meta.kind, Buckets: buckets})
			last = positionOf(of.key, buckets[len(buckets)-1].Start)
			left -= len(buckets)
		}
		if more {
			page.NextCursor = bucketsCursor.Encode(last)
			return page, nil
		}
	}
	return page, nil
}

// bucketBuilder builds buckets from points and summaries in the order of time.
type bucketBuilder struct {
	interval factory.Interval
	location *time.Location
	from, to int64
	limit    int
	counter  bool

	// block has the last buckets, blocks the earlier ones, and n is the total.
	// A growing slice would copy many buckets several times and leave garbage,
	// which slows down ingest; blocks are copied once.
	block  []factory.Bucket
	blocks [][]factory.Bucket
	n      int
	// previous is the point before the next one, if hasPrevious is set.
	previous    factory.Point
	hasPrevious bool
}

// full reports whether the limit is reached. The last bucket may be incomplete
// then.
func (b *bucketBuilder) full() bool { return b.n > b.limit }

// The first block has firstBlock buckets. Each further block has twice as many
// as the one before, up to lastBlock.
const firstBlock, lastBlock = 16, 1024

// bucket returns the bucket that contains at. Successive calls must not go
// back in time.
func (b *bucketBuilder) bucket(at int64) *factory.Bucket {
	if n := len(b.block); n > 0 && at < b.block[n-1].End {
		return &b.block[n-1]
	}
	if len(b.block) == cap(b.block) {
		size := firstBlock
		if n := len(b.block); n > 0 {
			b.blocks = append(b.blocks, b.block)
			size = min(2*n, lastBlock)
		}
		b.block = make([]factory.Bucket, 0, size)
	}
	start, end := b.interval.Bounds(at, b.location)
	b.block = append(b.block, factory.Bucket{Start: start, End: end})
	b.n++
	return &b.block[len(b.block)-1]
}

// fits reports whether all points from t0 to t1 belong to one bucket and to
// the queried range.
func (b *bucketBuilder) fits(t0, t1 int64) bool {
	if t0 < b.from || t1 >= b.to {
		return false
	}
	if n := len(b.block); n > 0 && t0 < b.block[n-1].End {
		return t1 < b.block[n-1].End
	}
	_, end := b.interval.Bounds(t0, b.location)
	return t1 < end
}

// add adds the points that are in the queried range.
func (b *bucketBuilder) add(points []factory.Point) {
	points = between(points, b.from, b.to)
	for len(points) > 0 && !b.full() {
		bucket := b.bucket(points[0].ObservedAt)
		n := 1
		for n < len(points) && points[n].ObservedAt < bucket.End {
			n++
		}
		b.addIncrease(bucket, points[0])
		bucket.AddAll(points[:n])
		b.previous, b.hasPrevious = points[n-1], true
		points = points[n:]
	}
}

// merge adds a summary that fits.
func (b *bucketBuilder) merge(s factory.Summary) {
	if b.full() {
		return
	}
	bucket := b.bucket(s.First.ObservedAt)
	b.addIncrease(bucket, s.First)
	bucket.Merge(s)
	b.previous, b.hasPrevious = s.Last, true
}

// addIncrease starts a bucket of a counter with the increase from the previous
// point to first, the first point of the bucket.
func (b *bucketBuilder) addIncrease(bucket *factory.Bucket, first factory.Point) {
	if bucket.Count == 0 && b.hasPrevious {
		bucket.Increase = factory.Growth(b.previous.Value, first.Value)
	}
}

// finish returns the completed buckets.
func (b *bucketBuilder) finish() []factory.Bucket {
	buckets := b.block
	if len(b.blocks) > 0 {
		buckets = slices.Concat(append(b.blocks, b.block)...)
	}
	buckets = buckets[:min(len(buckets), b.limit)]
	for i := range buckets {
		buckets[i].Fold()
		if !b.counter {
			buckets[i].Increase = 0
		}
	}
	return buckets
}

// buckets returns the first buckets of s, at most b.limit.
func (r *seriesReader) buckets(s *series, b *bucketBuilder) ([]factory.Bucket, error) {
	b.from = max(b.from, s.expiry(r.now, r.retention))
	b.counter = s.meta.Load().kind == factory.Counter
	if b.from >= b.to {
		return nil, nil
	}
	err := r.fillBuckets(s, b)
	if err != nil {
		return nil, store.Unavailable(fmt.Sprintf("read machine %q, metric %q", s.machine, s.metric), err)
	}
	return b.finish(), nil
}

func (r *seriesReader) fillBuckets(s *series, b *bucketBuilder) error {
	memory, chunked := s.unsealed(b.from, b.to, math.MaxInt)
	if b.counter {
		if err := r.findPrevious(s, b, chunked); err != nil {
			return err
		}
	}
	fill := bucketFiller{seriesReader: r, series: s, buckets: b, memory: memory}
	if chunked {
		if err := fill.fill(b.maxRollupLevel(), b.from, b.to); err != nil {
			return err
		}
	}
	fill.addMemory(b.to)
	return nil
}

// findPrevious looks up the last unexpired point before b.from.
func (r *seriesReader) findPrevious(s *series, b *bucketBuilder, chunked bool) error {
	least := s.expiry(r.now, r.retention)
	if least >= b.from {
		return nil
	}
	b.previous, b.hasPrevious = s.lastUnsealed(least, b.from)
	if !chunked {
		return nil
	}
	until := b.from
	return r.eachChunk(`SELECT id, data FROM chunk WHERE series_id = ?1 AND t0 < ?2 AND t1 >= ?3 ORDER BY t0 DESC`,
		s, func(points []factory.Point) error {
			points = between(points, least, until)
			if n := len(points); n > 0 && (!b.hasPrevious || points[n-1].ObservedAt > b.previous.ObservedAt) {
				b.previous, b.hasPrevious = points[n-1], true
			}
			if len(points) > 0 || b.hasPrevious {
				return errStop
			}
			return nil
		}, s.id, until, least)
}

// stride is the fixed length of buckets, or 0. The query for chunks leaves out
// the data of chunks that lie within one stride, or of all chunks if it is 0;
// data that turns out to be necessary is read separately.
func (b *bucketBuilder) stride() int64 {
	if b.interval.Calendar == factory.Fixed {
		return b.interval.Millis
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
