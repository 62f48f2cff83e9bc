package postgres

import (
	"context"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"

	"github.com/jackc/pgx/v5"
)

// maxBufferedPoints is the largest number of points of a series that are kept
// in memory between the passes of LTTB. A longer series is read once per pass.
const maxBufferedPoints = 1 << 20

// Downsample implements factory.Store.
func (s *Store) Downsample(ctx context.Context, q factory.DownsampleQuery) ([]factory.Series, error) {
	if err := store.CheckAtLeast("number of points", q.Points, 2); err != nil {
		return nil, err
	}
	return query(ctx, s, "downsample", func(ctx context.Context, tx pgx.Tx) ([]factory.Series, error) {
		r := s.newReader(tx)
		all, err := r.findSeries(ctx, q.Machine, q.Metrics)
		if err != nil {
			return nil, err
		}
		return newPager(historyCursor, nil, all).Downsample(func(of seriesInfo) ([]factory.Point, error) {
			return r.downsample(ctx, of, q)
		})
	})
}

func (r *seriesReader) downsample(ctx context.Context, s seriesInfo, q factory.DownsampleQuery) ([]factory.Point, error) {
	total, err := r.countPoints(ctx, s, q.From, q.To)
	if err != nil || total == 0 {
		return nil, err
	}
	each := func(visit func([]factory.Point)) error {
		return r.readPoints(ctx, s, q.From, q.To, func(points []factory.Point) bool {
			visit(points)
			return true
		})
	}
	if total > q.Points && total <= maxBufferedPoints {
		buffered := make([]factory.Point, 0, total)
		if err := each(func(points []factory.Point) { buffered = append(buffered, points...) }); err != nil {
			return nil, err
		}
		each = func(visit func([]factory.Point)) error {
			visit(buffered)
			return nil
		}
	}
	return factory.LTTB(q.Points, total, each)
}
