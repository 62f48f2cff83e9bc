package store

import (
	"slices"
	"sort"

	"smart-factory-backend/app/factory"
)

// BucketBuilder builds the buckets of one series from its points and their
// summaries, which are added in the order of time.
type BucketBuilder struct {
	Query factory.BucketQuery
	// From and Query.To limit the points: those outside are ignored.
	From int64
	// Limit is the maximum number of buckets.
	Limit int
	// More is set once there are data beyond the last bucket.
	More bool

	// block has the last buckets, blocks the earlier ones, and n is the total.
	// A growing slice would copy many buckets several times and leave garbage,
	// which slows down ingest; blocks are copied once.
	block  []factory.Bucket
	blocks [][]factory.Bucket
	n      int

	previous    factory.Point
	hasPrevious bool
}

// The first block has firstBlock buckets. Each further block has twice as many
// as the one before, up to lastBlock.
const firstBlock, lastBlock = 16, 1024

// bucket returns the bucket that first, the next point, belongs to, or nil if
// that is beyond the limit.
func (b *BucketBuilder) bucket(first factory.Point) *factory.Bucket {
	if n := len(b.block); n > 0 && first.ObservedAt < b.block[n-1].End {
		return &b.block[n-1]
	}
	if b.n >= b.Limit {
		b.More = true
		return nil
	}
	if len(b.block) == cap(b.block) {
		size := firstBlock
		if n := len(b.block); n > 0 {
			b.blocks = append(b.blocks, b.block)
			size = min(2*n, lastBlock)
		}
		b.block = make([]factory.Bucket, 0, size)
	}
	start, end := b.Query.Interval.Bounds(first.ObservedAt, b.Query.Location)
	next := factory.Bucket{Start: start, End: end}
	if b.hasPrevious {
		next.Increase = factory.Growth(b.previous.Value, first.Value)
	}
	b.block = append(b.block, next)
	b.n++
	return &b.block[len(b.block)-1]
}

// Fits reports whether all points from t0 to t1 belong to one bucket and to the
// queried range.
func (b *BucketBuilder) Fits(t0, t1 int64) bool {
	if t0 < b.From || t1 >= b.Query.To {
		return false
	}
	if n := len(b.block); n > 0 && t0 < b.block[n-1].End {
		return t1 < b.block[n-1].End
	}
	_, end := b.Query.Interval.Bounds(t0, b.Query.Location)
	return t1 < end
}

// Add adds points. It returns false if the limit is reached.
func (b *BucketBuilder) Add(points []factory.Point) bool {
	points = Between(points, b.From, b.Query.To)
	for len(points) > 0 {
		bucket := b.bucket(points[0])
		if bucket == nil {
			break
		}
		n := len(points)
		if points[n-1].ObservedAt >= bucket.End {
			n = sort.Search(n, func(i int) bool { return points[i].ObservedAt >= bucket.End })
		}
		bucket.AddAll(points[:n])
		b.SetPrevious(points[n-1])
		points = points[n:]
	}
	return !b.More
}

// Merge adds a summary that fits. It returns false if the limit is reached.
func (b *BucketBuilder) Merge(s factory.Summary) bool {
	if bucket := b.bucket(s.First); bucket != nil {
		bucket.Merge(s)
		b.SetPrevious(s.Last)
	}
	return !b.More
}

// SetPrevious sets the point before the next one. Without it, the first bucket
// lacks the increase since that point.
func (b *BucketBuilder) SetPrevious(p factory.Point) { b.previous, b.hasPrevious = p, true }

// Finish returns the buckets of a metric of the kind, after the last point was
// added.
func (b *BucketBuilder) Finish(kind factory.MetricKind) []factory.Bucket {
	buckets := b.block
	if len(b.blocks) > 0 {
		buckets = slices.Concat(append(b.blocks, b.block)...)
	}
	for i := range buckets {
		buckets[i].Fold()
		if kind != factory.Counter {
			buckets[i].Increase = 0
		}
	}
	return buckets
}

// Between returns the subslice of points, which are in ascending order, from
// from (inclusive) to to (exclusive).
func Between(points []factory.Point, from, to int64) []factory.Point {
	i := sort.Search(len(points), func(i int) bool { return points[i].ObservedAt >= from })
	points = points[i:]
	j := sort.Search(len(points), func(j int) bool { return points[j].ObservedAt >= to })
	return points[:j]
}
