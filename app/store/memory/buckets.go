package memory

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Buckets implements factory.Store: it scans every point of the range.
func (m *Store) Buckets(ctx context.Context, q factory.BucketQuery) (page factory.BucketPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkQueryLocked(ctx, q.Limit); err != nil {
		return page, err
	}
	if err := q.Interval.Validate(); err != nil {
		return page, err
	}
	pager, err := m.newPagerLocked(q.Machine, q.Metrics, bucketCursor, q.Cursor)
	if err != nil {
		return page, err
	}
	return pager.Buckets(q, func(k key, from int64, limit int) ([]factory.Bucket, bool, error) {
		buckets := m.bucketsLocked(k, q, from)
		return buckets[:min(limit, len(buckets))], len(buckets) > limit, nil
	})
}

// bucketsLocked returns all buckets of one series at or after from.
func (m *Store) bucketsLocked(k key, q factory.BucketQuery, from int64) (buckets []factory.Bucket) {
	var before *factory.Point
	for _, p := range m.rangeLocked(k, math.MinInt64, q.To) {
		if p.ObservedAt >= from {
			if n := len(buckets); n == 0 || p.ObservedAt >= buckets[n-1].End {
				start, end := q.Interval.Bounds(p.ObservedAt, q.Location)
				buckets = append(buckets, factory.Bucket{Start: start, End: end})
			}
			b := &buckets[len(buckets)-1]
			if b.Count == 0 && before != nil {
				b.Increase = factory.Growth(before.Value, p.Value)
			}
			b.Add(p)
		}
		before = &p
	}
	for i := range buckets {
		buckets[i].Fold()
		if m.metrics[k].Kind != factory.Counter {
			buckets[i].Increase = 0
		}
	}
	return buckets
}

// Downsample implements factory.Store.
func (m *Store) Downsample(ctx context.Context, q factory.DownsampleQuery) (all []factory.Series, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.usableLocked(ctx); err != nil {
		return nil, err
	}
	if err := store.CheckAtLeast("points", q.Points, 2); err != nil {
		return nil, err
	}
	pager, err := m.newPagerLocked(q.Machine, q.Metrics, historyCursor, "")
	if err != nil {
		return nil, err
	}
	return pager.Downsample(func(k key) ([]factory.Point, error) {
		points := m.rangeLocked(k, q.From, q.To)
		return factory.LTTB(q.Points, len(points), func(yield func([]factory.Point)) error { yield(points); return nil })
	})
}

// Backup implements factory.Store; it always fails because there is no file.
func (m *Store) Backup(context.Context, string) error {
	return fmt.Errorf("the memory store has no backup: %w", factory.ErrInvalid)
}

// newPagerLocked returns the pager of a query of one machine, which may be
// deleted.
func (m *Store) newPagerLocked(machine string, metrics []string, kind store.CursorKind, cursor string) (p store.Pager[key], err error) {
	if m.machines[machine] == nil {
		return p, store.MachineNotFound(machine)
	}
	after, err := kind.DecodeFor(machine, cursor)
	if err != nil {
		return p, err
	}
	selected := slices.DeleteFunc(m.keysLocked(), func(k key) bool {
		return k.Machine != machine || len(metrics) > 0 && !slices.Contains(metrics, k.Metric)
	})
	return store.Pager[key]{Kind: kind, After: after, Series: selected, Metric: func(k key) factory.Metric { return *m.metrics[k] }}, nil
}

// rangeLocked returns the points of a series that are not expired.
func (m *Store) rangeLocked(k key, from, to int64) (points []factory.Point) {
	from = max(from, m.expiryLocked(k))
	times := m.times[k]
	if times == nil {
		times = slices.Sorted(maps.Keys(m.values[k]))
		m.times[k] = times
	}
	first, _ := slices.BinarySearch(times, from)
	for _, at := range times[first:] {
		if at >= to {
			break
		}
		points = append(points, factory.Point{ObservedAt: at, Value: m.values[k][at]})
	}
	return points
}
