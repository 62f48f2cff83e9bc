package memory

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
)

// Buckets implements factory.Store: it scans every point of the range.
func (m *Store) Buckets(ctx context.Context, q factory.BucketQuery) (page factory.BucketPage, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	after, err := m.beginQueryLocked(ctx, "buckets", q.Cursor, q.Limit)
	if err != nil {
		return page, err
	}
	if err := q.Interval.Validate(); err != nil {
		return page, err
	}
	keys, err := m.machineKeysLocked(q.Machine, q.Metrics)
	if err != nil {
		return page, err
	}
	if after != nil && after.key.machine != q.Machine {
		return page, fmt.Errorf("cursor of machine %q: %w", after.key.machine, factory.ErrInvalid)
	}
	left := q.Limit
	var last position
	for _, k := range keys {
		if after != nil && compareKeys(k, after.key) < 0 {
			continue
		}
		series := factory.BucketSeries{Metric: k.metric, Unit: m.metrics[k].Unit, Kind: m.metrics[k].Kind}
		for _, b := range m.bucketsLocked(k, q) {
			if after != nil && k == after.key && b.Start <= after.at {
				continue
			}
			if left == 0 {
				page.NextCursor = encodeCursor("buckets", last)
				break
			}
			left--
			last = position{k, b.Start}
			series.Buckets = append(series.Buckets, b)
		}
		if len(series.Buckets) > 0 {
			page.Series = append(page.Series, series)
		}
		if page.NextCursor != "" {
			break
		}
	}
	return page, nil
}

// bucketsLocked returns all buckets of one series.
func (m *Store) bucketsLocked(k seriesKey, q factory.BucketQuery) (buckets []factory.Bucket) {
	var before *factory.Point
	for _, p := range m.rangeLocked(k, math.MinInt64, q.To) {
		if p.ObservedAt >= q.From {
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
	if q.Points < 2 {
		return nil, fmt.Errorf("%d points: %w", q.Points, factory.ErrInvalid)
	}
	keys, err := m.machineKeysLocked(q.Machine, q.Metrics)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		points := m.rangeLocked(k, q.From, q.To)
		if len(points) == 0 {
			continue
		}
		picked, err := factory.LTTB(q.Points, len(points), func(yield func([]factory.Point)) error { yield(points); return nil })
		if err != nil {
			return nil, err
		}
		all = append(all, factory.Series{Metric: k.metric, Unit: m.metrics[k].Unit, Points: picked})
	}
	return all, nil
}

// Backup implements factory.Store; it always fails because there is no file.
func (m *Store) Backup(context.Context, string) error {
	return fmt.Errorf("the memory store has no backup: %w", factory.ErrInvalid)
}

// machineKeysLocked returns those series of a machine that metrics lists, or all
// of them if the list is empty. The machine may be deleted.
func (m *Store) machineKeysLocked(machine string, metrics []string) ([]seriesKey, error) {
	if m.machines[machine] == nil {
		return nil, fmt.Errorf("machine %q: %w", machine, factory.ErrNotFound)
	}
	return slices.DeleteFunc(m.keysLocked(), func(k seriesKey) bool {
		return k.machine != machine || len(metrics) > 0 && !slices.Contains(metrics, k.metric)
	}), nil
}

// rangeLocked returns the points of a series that are not expired.
func (m *Store) rangeLocked(k seriesKey, from, to int64) (points []factory.Point) {
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
