package postgres

import (
	"context"
	"sort"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// Buckets implements factory.Store.
func (s *Store) Buckets(ctx context.Context, q factory.BucketQuery) (factory.BucketPage, error) {
	if err := requireAtLeast("limit", q.Limit, 1); err != nil {
		return factory.BucketPage{}, err
	}
	if err := q.Interval.Validate(); err != nil {
		return factory.BucketPage{}, err
	}
	after, resumed, err := decodeCursorFor(bucketCursor, q.Cursor, q.Machine)
	if err != nil {
		return factory.BucketPage{}, err
	}
	return query(ctx, s, "buckets", func(ctx context.Context, tx pgx.Tx) (factory.BucketPage, error) {
		r := s.newReader(tx)
		all, err := r.findSeries(ctx, q.Machine, q.Metrics)
		if err != nil {
			return factory.BucketPage{}, err
		}
		return r.bucketPage(ctx, all, q, after, resumed)
	})
}

// bucketPage collects up to q.Limit buckets of the series, starting past after
// if resumed is true.
func (r *seriesReader) bucketPage(ctx context.Context, all []seriesInfo, q factory.BucketQuery, after position, resumed bool) (page factory.BucketPage, err error) {
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

// bucketsOf fills b with the points of one series at or after from.
func (r *seriesReader) bucketsOf(ctx context.Context, s seriesInfo, from int64, b *bucketBuilder) error {
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
	// The increase since the last point before the first bucket.
	first := &b.buckets[0]
	before, ok, err := r.pointBefore(ctx, s, first.First.ObservedAt)
	if ok {
		first.Increase += factory.Growth(before.Value, first.First.Value)
	}
	return err
}

// bucketBuilder aggregates points and summaries, added in order of time, into
// the buckets of a query.
type bucketBuilder struct {
	query   factory.BucketQuery
	limit   int
	buckets []factory.Bucket
	more    bool // points exist past the last bucket that fits the limit
}

// add adds the next points. It returns false when the limit is reached.
func (b *bucketBuilder) add(points []factory.Point) bool {
	for len(points) > 0 {
		current := b.bucketFor(points[0])
		if current == nil {
			return false
		}
		inside := len(points)
		if points[inside-1].ObservedAt >= current.End {
			inside = sort.Search(inside, func(i int) bool { return points[i].ObservedAt >= current.End })
		}
		current.AddAll(points[:inside])
		points = points[inside:]
	}
	return true
}

// fits reports whether the next points, whose times range from first to last,
// belong to a single bucket.
func (b *bucketBuilder) fits(first, last int64) bool {
	if n := len(b.buckets); n > 0 && first < b.buckets[n-1].End {
		return last < b.buckets[n-1].End
	}
	_, end := b.query.Interval.Bounds(first, b.query.Location)
	return last < end
}

// merge adds the summary of the next points, which must fit one bucket. It
// returns false when the limit is reached.
func (b *bucketBuilder) merge(s factory.Summary) bool {
	current := b.bucketFor(s.First)
	if current == nil {
		return false
	}
	current.Merge(s)
	return true
}

// bucketFor returns the bucket of the next point, which it appends if needed.
// It returns nil and sets more when the limit is reached.
func (b *bucketBuilder) bucketFor(point factory.Point) *factory.Bucket {
	n := len(b.buckets)
	if n > 0 && point.ObservedAt < b.buckets[n-1].End {
		return &b.buckets[n-1]
	}
	if n == b.limit {
		b.more = true
		return nil
	}
	start, end := b.query.Interval.Bounds(point.ObservedAt, b.query.Location)
	next := factory.Bucket{Start: start, End: end}
	if n > 0 {
		next.Increase = factory.Growth(b.buckets[n-1].Last.Value, point.Value)
	}
	b.buckets = append(b.buckets, next)
	return &b.buckets[n]
}

// finish completes the sums. It must be called after the last point.
func (b *bucketBuilder) finish() {
	for i := range b.buckets {
		b.buckets[i].Fold()
	}
}
