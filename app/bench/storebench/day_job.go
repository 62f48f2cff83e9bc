package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"smart-factory-backend/app/factory"
)

// runDay appends hours of data, second by second and without a pause, then stops
// and starts the store. It reports the figures of each hour, and finally the
// duration of the start and the size on the disk, also relative to that of sealed
// points.
func runDay(ctx context.Context, s settings, report reportFunc) (err error) {
	predicted, err := s.sealedBytesPerPoint(ctx)
	if err != nil {
		return err
	}
	s.batch = s.series // one second
	hour := 3600 * s.series
	g, err := s.newGrowingStore(ctx, hour)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.engine.close()) }()
	worst := 0.0
	total := int(s.hours * float64(hour))
	for n := 1; g.points < total; n++ {
		figures, err := g.growTo(ctx, min(n*hour, total))
		if err != nil {
			return err
		}
		worst = max(worst, figures["worst_ms"])
		figures["file_of_predicted"] = figures["file_bytes_per_point"] / predicted
		if err := report(fmt.Sprintf("hour %d", n), figures); err != nil {
			return err
		}
	}
	figures, err := g.restart(ctx)
	if err != nil {
		return err
	}
	figures["file_of_predicted"] = figures["file_bytes_per_point"] / predicted
	figures["worst_ms"] = worst
	return report("started again", figures)
}

// restart stops and starts the store, and reports how long both took.
func (g *growingStore) restart(ctx context.Context) (map[string]float64, error) {
	began := time.Now()
	if err := g.engine.close(); err != nil {
		return nil, err
	}
	closed := time.Since(began)
	began = time.Now()
	reopened, err := open(ctx, g.settings)
	if err != nil {
		return nil, err
	}
	opened := time.Since(began)
	g.engine = reopened
	if n, err := reopened.latest(ctx, g.series); err != nil || n != g.series {
		return nil, fmt.Errorf("latest after the start: %d of %d series (%w)", n, g.series, err)
	}
	_, most, err := memory()
	return map[string]float64{
		"close_ms": milliseconds(closed), "open_ms": milliseconds(opened), "points": float64(g.points),
		"rss_most_mib": most / (1 << 20), "file_bytes_per_point": fileSize(g.path) / float64(g.points),
	}, err
}

// sealedBytesPerPoint returns the size of a point when all points are sealed, the
// prediction for the disk.
func (s settings) sealedBytesPerPoint(ctx context.Context) (bytes float64, err error) {
	s.path += ".sample"
	e, err := open(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	empty, err := e.size(ctx)
	if err != nil {
		return 0, err
	}
	readings := make([]factory.Reading, 512*1000)
	newGenerator(1000).fill(readings)
	if _, err := appendAll(ctx, e, slices.Collect(slices.Chunk(readings, 1000))); err != nil {
		return 0, err
	}
	if err := e.settle(ctx); err != nil {
		return 0, err
	}
	size, err := e.size(ctx)
	return float64(size-empty) / float64(len(readings)), err
}
