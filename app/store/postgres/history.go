package postgres

import (
	"context"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// History implements factory.Store.
func (s *Store) History(ctx context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	if err := store.CheckAtLeast("limit", q.Limit, 1); err != nil {
		return factory.HistoryPage{}, err
	}
	after, err := historyCursor.DecodeFor(q.Machine, q.Cursor)
	if err != nil {
		return factory.HistoryPage{}, err
	}
	return query(ctx, s, "history", func(ctx context.Context, tx pgx.Tx) (page factory.HistoryPage, err error) {
		r := s.newReader(tx)
		all, err := r.findSeries(ctx, q.Machine, q.Metrics)
		if err != nil {
			return page, err
		}
		return newPager(historyCursor, after, all).History(q, func(of seriesInfo, from int64, limit int) (points []factory.Point, err error) {
			err = r.readPoints(ctx, of, from, q.To, func(next []factory.Point) bool {
				points = append(points, next[:min(limit-len(points), len(next))]...)
				return len(points) < limit
			})
			return points, err
		})
	})
}

func newPager(kind store.CursorKind, after *store.Position, all []seriesInfo) store.Pager[seriesInfo] {
	return store.Pager[seriesInfo]{Kind: kind, After: after, Series: all, Metric: func(s seriesInfo) factory.Metric { return s.Metric }}
}
