package postgres

import (
	"context"
	"sort"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// Buckets implements factory.Store.
func (s *Store) Buckets(ctx context.Context, q factory.BucketQuery) (page factory.BucketPage, err error) {
	end, err := s.beginQuery(ctx)
	if err != nil {
		return page, err
	}
	defer end()
	if err := requireAtLeast("limit", q.Limit, 1); err != nil {
		return page, err
	}
	if err := q.Interval.Validate(); err != nil {
		return page, err
	}
	after, resumed, err := continued(bucketCursor, q.Cursor, q.Machine)
	if err != nil {
		return page, err
	}
	err = s.query(ctx, "buckets", func(ctx context.Context, tx pgx.Tx) (err error) {
		r := s.newReader(tx)
		all, err := r.findSeries(ctx, q.Machine, q.Metrics)
		if err != nil {
			return err
		}
		page, err = r.bucketPage(ctx, all, q, after, resumed)
		return err
	})
	if err != nil {
		return factory.BucketPage{}, err
	}
	return page, nil
}

// bucketPage collects up to q.Limit buckets of the series.
func (r *reader) bucketPage(ctx context.Context, all []seriesInfo, q factory.BucketQuery, after position, resumed bool) (page factory.BucketPage, err error) {
	left := q.Limit
	var last position
	for _, s := range all {
		from := q.From
		switch {
		case !resumed || s.metric > after.metric:
		case s.metric < after.metric:
			continue
		default:
			_, end := q.Interval.Bounds(after.at, q.Location)
			from = max(from, end)
		}
		b := bucketBuilder{query: q, limit: left}
		if err := r.bucketsOf(ctx, s, from, &b); err != nil {
			return page, err
		}
		if n := len(b.buckets); n > 0 {
			page.Series = append(page.Series, factory.BucketSeries{Metric: s.metric, Unit: s.unit, Kind: s.kind, Buckets: b.buckets})
			last = position{key{q.Machine, s.metric}, b.buckets[n-1].Start}
			left -= n
		}
		if b.more {
			page.NextCursor = encodeCursor(bucketCursor, last)
			return page, nil
		}
	}
	return page, nil
}

// bucketsOf puts the points of one series from from on into b.
func (r *reader) bucketsOf(ctx context.Context, s seriesInfo, from int64, b *bucketBuilder) error {
	if err := r.fillBuckets(ctx, s, from, b.query.To, b); err != nil {
		return err
	}
	b.finish()
	if s.kind != factory.Counter {
		for i := range b.buckets {
			b.buckets[i].Increase = 0
		}
		return nil
	}
	if len(b.buckets) == 0 {
		return nil
	}
	// What a counter has counted since the point before the first bucket.
	first := &b.buckets[0]
	before, ok, err := r.pointBefore(ctx, s, first.First.ObservedAt)
	if ok {
		first.Increase += factory.Growth(before.Value, first.First.Value)
	}
	return err
}

// bucketer sums points up, and what others come to, that come in order of time.
type bucketBuilder struct {
	query   factory.BucketQuery
	limit   int
	buckets []factory.Bucket
	more    bool // there are points past the last bucket that fits
}

// add takes the next points; false wants no more.
func (b *bucketBuilder) add(points []factory.Point) bool {
	for len(points) > 0 {
		n := len(b.buckets)
		if n == 0 || points[0].ObservedAt >= b.buckets[n-1].End {
			if n == b.limit {
				b.more = true
				return false
			}
			b.startBucket(points[0])
			n++
		}
		current := &b.buckets[n-1]
		inside := len(points)
		if points[inside-1].ObservedAt >= current.End {
			inside = sort.Search(inside, func(i int) bool { return points[i].ObservedAt >= current.End })
		}
		current.AddAll(points[:inside])
		points = points[inside:]
	}
	return true
}

// fits reports whether points from the time first to last, which come next, are
// in one bucket.
func (b *bucketBuilder) fits(first, last int64) bool {
	if n := len(b.buckets); n > 0 && first < b.buckets[n-1].End {
		return last < b.buckets[n-1].End
	}
	_, end := b.query.Interval.Bounds(first, b.query.Location)
	return last < end
}

// merge takes what points that fit come to; false wants no more.
func (b *bucketBuilder) merge(s factory.Summary) bool {
	n := len(b.buckets)
	if n == 0 || s.First.ObservedAt >= b.buckets[n-1].End {
		if n == b.limit {
			b.more = true
			return false
		}
		b.startBucket(s.First)
		n++
	}
	b.buckets[n-1].Merge(s)
	return true
}

// begin begins the bucket that first is in.
func (b *bucketBuilder) startBucket(first factory.Point) {
	start, end := b.query.Interval.Bounds(first.ObservedAt, b.query.Location)
	next := factory.Bucket{Start: start, End: end}
	if n := len(b.buckets); n > 0 {
		next.Increase = factory.Growth(b.buckets[n-1].Last.Value, first.Value)
	}
	b.buckets = append(b.buckets, next)
}

// finish is called after the last point.
func (b *bucketBuilder) finish() {
	for i := range b.buckets {
		b.buckets[i].Fold()
	}
}
