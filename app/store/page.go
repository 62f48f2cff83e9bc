package store

import (
	"fmt"
	"math"

	"smart-factory-backend/app/factory"
)

// CheckAtLeast returns ErrInvalid if the named parameter of a query is less
// than least.
func CheckAtLeast(name string, n, least int) error {
	if n < least {
		return fmt.Errorf("%s is %d, less than %d: %w", name, n, least, factory.ErrInvalid)
	}
	return nil
}

// SelectMetrics returns the series whose metric is listed; an empty list stands
// for all.
func SelectMetrics[S any](all []S, metrics []string, name func(S) string) (selected []S) {
	if len(metrics) == 0 {
		return all
	}
	listed := make(map[string]bool, len(metrics))
	for _, metric := range metrics {
		listed[metric] = true
	}
	for _, s := range all {
		if listed[name(s)] {
			selected = append(selected, s)
		}
	}
	return selected
}

// Pager answers a query of several series of one machine.
type Pager[S any] struct {
	Kind CursorKind
	// After is where the previous page ended, or nil for the first page.
	After *Position
	// Series are the series of the query, in the order of their metrics.
	Series []S
	// Metric describes a series.
	Metric func(S) factory.Metric
}

// History returns a page of points. read returns the first points of a series
// from from (inclusive) to q.To (exclusive), at most limit.
func (p Pager[S]) History(q factory.HistoryQuery, read func(s S, from int64, limit int) ([]factory.Point, error)) (page factory.HistoryPage, err error) {
	collector := collector[factory.Point]{
		start: func(p factory.Point) int64 { return p.ObservedAt },
		next:  func(at int64) int64 { return max(at, at+1) }, // at+1 may overflow
		add: func(m factory.Metric, points []factory.Point) {
			page.Series = append(page.Series, factory.Series{Metric: m.Name, Unit: m.Unit, Points: points})
		},
	}
	page.NextCursor, err = collect(p, collector, q.From, q.Limit, func(s S, from int64, limit int) ([]factory.Point, bool, error) {
		// One extra point shows whether there are more.
		points, err := read(s, from, min(limit, math.MaxInt-1)+1)
		return points[:min(limit, len(points))], len(points) > limit, err
	})
	return page, err
}

// Buckets returns a page of buckets. read returns the first buckets of a series
// from from (inclusive) to q.To (exclusive), at most limit, and whether there
// are more.
func (p Pager[S]) Buckets(q factory.BucketQuery, read func(s S, from int64, limit int) (buckets []factory.Bucket, more bool, err error)) (page factory.BucketPage, err error) {
	collector := collector[factory.Bucket]{
		start: func(b factory.Bucket) int64 { return b.Start },
		next: func(at int64) int64 {
			_, end := q.Interval.Bounds(at, q.Location)
			return end
		},
		add: func(m factory.Metric, buckets []factory.Bucket) {
			page.Series = append(page.Series, factory.BucketSeries{Metric: m.Name, Unit: m.Unit, Kind: m.Kind, Buckets: buckets})
		},
	}
	page.NextCursor, err = collect(p, collector, q.From, q.Limit, read)
	return page, err
}

// Downsample returns the points that read picks from each series.
func (p Pager[S]) Downsample(read func(S) ([]factory.Point, error)) (all []factory.Series, err error) {
	for _, s := range p.Series {
		points, err := read(s)
		if err != nil {
			return nil, err
		}
		if len(points) > 0 {
			m := p.Metric(s)
			all = append(all, factory.Series{Metric: m.Name, Unit: m.Unit, Points: points})
		}
	}
	return all, nil
}

// collector describes the items of a page, points or buckets.
type collector[T any] struct {
	start func(T) int64             // the time of an item in a cursor
	next  func(at int64) int64      // where reading continues after the item with that time
	add   func(factory.Metric, []T) // adds the items of a series to the page
}

// collect reads up to limit items at or after from and returns the cursor of
// the next page, "" if there is none.
func collect[S, T any](p Pager[S], c collector[T], from int64, limit int, read func(s S, from int64, limit int) (items []T, more bool, err error)) (cursor string, err error) {
	var last Position
	for _, s := range p.Series {
		m, start := p.Metric(s), from
		switch {
		case p.After == nil || m.Name > p.After.Metric:
		case m.Name < p.After.Metric:
			continue
		default:
			start = max(from, c.next(p.After.At))
		}
		items, more, err := read(s, start, limit)
		if err != nil {
			return "", err
		}
		if n := len(items); n > 0 {
			c.add(m, items)
			last = Position{Key{m.Machine, m.Name}, c.start(items[n-1])}
			limit -= n
		}
		if more {
			return p.Kind.Encode(last), nil
		}
	}
	return "", nil
}
