package sqlite

import (
	"context"
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
		if q.Metric != "" && c.Metric != q.Metric || c.machineDeleted.Load() {
			continue
		}
		point, known := c.latestPoint()
		if !known || point.ObservedAt < c.expiry(now, s.options.Retention) {
			continue
		}
		if len(page.Readings) == q.Limit {
			last := page.Readings[q.Limit-1]
			page.NextCursor = latestCursor.Encode(store.Position{Key: key{Machine: last.Machine, Metric: last.Metric}})
			break
		}
		page.Readings = append(page.Readings, factory.LatestReading{Reading: factory.Reading{
			Machine: c.Machine, Metric: c.Metric, ObservedAt: point.ObservedAt, Value: point.Value,
		}, Unit: c.metric().Unit})
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
	after, err := latestCursor.After(q.Cursor)
	if err != nil {
		return nil, err
	}
	start := sort.Search(len(candidates), func(i int) bool { return after.Compare(candidates[i].key) < 0 })
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
	return store.CheckAtLeast("limit", limit, 1)
}
