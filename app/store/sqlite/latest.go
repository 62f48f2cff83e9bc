package sqlite

import (
	"context"
	"fmt"
	"sort"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
)

// Latest implements factory.Store. It is answered from memory.
func (s *Store) Latest(ctx context.Context, q factory.LatestQuery) (factory.LatestPage, error) {
	s.queryMu.RLock()
	defer s.queryMu.RUnlock()
	if err := s.checkQuery(ctx, q.Limit); err != nil {
		return factory.LatestPage{}, err
	}
	candidates, err := s.latestSeries(q)
	if err != nil {
		return factory.LatestPage{}, err
	}
	var page factory.LatestPage
	now := s.options.now().UnixMilli()
	for _, c := range candidates {
		if q.Metric != "" && c.metric != q.Metric || c.machineDeleted.Load() {
			continue
		}
		point, known := c.latestPoint()
		if !known || point.ObservedAt < c.expiry(now, s.options.Retention) {
			continue
		}
		if len(page.Readings) == q.Limit {
			last := page.Readings[q.Limit-1]
			page.NextCursor = latestCursor.Encode(store.Position{Machine: last.Machine, Metric: last.Metric})
			break
		}
		page.Readings = append(page.Readings, factory.LatestReading{Reading: factory.Reading{
			Machine: c.machine, Metric: c.metric, ObservedAt: point.ObservedAt, Value: point.Value,
		}, Unit: c.meta.Load().unit})
	}
	return page, nil
}

// latestSeries returns the series of q.Machine, or all series, after the
// cursor.
func (s *Store) latestSeries(q factory.LatestQuery) ([]*series, error) {
	candidates := s.catalog.allSeries()
	if q.Machine != "" {
		candidates = s.catalog.machineSeries(q.Machine)
	}
	if q.Cursor == "" {
		return candidates, nil
	}
	after, err := latestCursor.Decode(q.Cursor)
	if err != nil {
		return nil, err
	}
	afterKey := key{after.Machine, after.Metric}
	start := sort.Search(len(candidates), func(i int) bool { return afterKey.less(candidates[i].key) })
	return candidates[start:], nil
}

// checkQuery returns an error if a query cannot start. The caller holds
// queryMu.
func (s *Store) checkQuery(ctx context.Context, limit int) error {
	if s.queriesClosed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return store.Unavailable("query", err)
	}
	if limit < 1 {
		return fmt.Errorf("limit %d is less than 1: %w", limit, factory.ErrInvalid)
	}
	return nil
}
