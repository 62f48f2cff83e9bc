package postgres

import (
	"context"
	"fmt"
	"math"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// History implements factory.Store.
func (s *Store) History(ctx context.Context, q factory.HistoryQuery) (factory.HistoryPage, error) {
	if err := requireAtLeast("limit", q.Limit, 1); err != nil {
		return factory.HistoryPage{}, err
	}
	after, resumed, err := decodeCursorFor(historyCursor, q.Cursor, q.Machine)
	if err != nil {
		return factory.HistoryPage{}, err
	}
	return query(ctx, s, "history", func(ctx context.Context, tx pgx.Tx) (factory.HistoryPage, error) {
		r := s.newReader(tx)
		all, err := r.findSeries(ctx, q.Machine, q.Metrics)
		if err != nil {
			return factory.HistoryPage{}, err
		}
		return r.historyPage(ctx, all, q, after, resumed)
	})
}

// historyPage collects up to q.Limit points of the series, starting past after
// if resumed is true.
func (r *seriesReader) historyPage(ctx context.Context, all []seriesInfo, q factory.HistoryQuery, after position, resumed bool) (page factory.HistoryPage, err error) {
	left := q.Limit
	var last position
	for _, s := range all {
		from := q.From
		switch {
		case !resumed || s.metric > after.metric:
		case s.metric < after.metric || after.at == math.MaxInt64:
			continue
		default:
			from = max(from, after.at+1)
		}
		out := factory.Series{Metric: s.metric, Unit: s.unit}
		more := false
		err := r.readPoints(ctx, s, from, q.To, func(points []factory.Point) bool {
			more = len(points) > left
			points = points[:min(left, len(points))]
			left -= len(points)
			out.Points = append(out.Points, points...)
			return !more
		})
		if err != nil {
			return page, err
		}
		if n := len(out.Points); n > 0 {
			page.Series = append(page.Series, out)
			last = position{key{q.Machine, s.metric}, out.Points[n-1].ObservedAt}
		}
		if more {
			page.NextCursor = encodeCursor(historyCursor, last)
			return page, nil
		}
	}
	return page, nil
}

// requireAtLeast returns ErrInvalid if the named parameter is less than least.
func requireAtLeast(name string, n, least int) error {
	if n < least {
		return fmt.Errorf("%s is %d, less than %d: %w", name, n, least, factory.ErrInvalid)
	}
	return nil
}
