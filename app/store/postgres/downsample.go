package postgres

import (
	"context"

	"smart-factory-backend/app/factory"

	"github.com/jackc/pgx/v5"
)

// heldPoints is the most points of a series that are held in memory to be
// gone through more than once; beyond, they are read again.
const maxBufferedPoints = 1 << 20

// Downsample implements factory.Store.
func (s *Store) Downsample(ctx context.Context, q factory.DownsampleQuery) (all []factory.Series, err error) {
	end, err := s.beginQuery(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	if err := requireAtLeast("number of points", q.Points, 2); err != nil {
		return nil, err
	}
	err = s.query(ctx, "downsample", func(ctx context.Context, tx pgx.Tx) error {
		all = nil
		r := s.newReader(tx)
		listed, err := r.findSeries(ctx, q.Machine, q.Metrics)
		if err != nil {
			return err
		}
		for _, one := range listed {
			points, err := r.downsample(ctx, one, q)
			if err != nil {
				return err
			}
			if len(points) > 0 {
				all = append(all, factory.Series{Metric: one.metric, Unit: one.unit, Points: points})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (r *reader) downsample(ctx context.Context, s seriesInfo, q factory.DownsampleQuery) ([]factory.Point, error) {
	total, err := r.countPoints(ctx, s, q.From, q.To)
	if err != nil || total == 0 {
		return nil, err
	}
	each := func(take func([]factory.Point)) error {
		return r.readPoints(ctx, s, q.From, q.To, func(points []factory.Point) bool {
			take(points)
			return true
		})
	}
	if total > q.Points && total <= maxBufferedPoints {
		held := make([]factory.Point, 0, total)
		if err := each(func(points []factory.Point) { held = append(held, points...) }); err != nil {
			return nil, err
		}
		each = func(take func([]factory.Point)) error {
			take(held)
			return nil
		}
	}
	return factory.LTTB(q.Points, total, each)
}
