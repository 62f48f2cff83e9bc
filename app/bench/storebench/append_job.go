package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"smart-factory-backend/app/factory"
)

// regularData names the data of a generator.
const regularData = "regular"

// batches returns the data of the job in batches, and the number of points.
func (s settings) batches() (all [][]factory.Reading, points int, err error) {
	var readings []factory.Reading
	if s.data == regularData {
		readings = make([]factory.Reading, s.points)
		newGenerator(s.series).fill(readings)
	} else if readings, err = loadRecordings(s.data); err != nil {
		return nil, 0, err
	}
	return slices.Collect(slices.Chunk(readings, s.batch)), len(readings), nil
}

// runAppend appends the data in batches, one after another, and reports the cost
// of a point until the engine has settled, and its size on the disk.
func runAppend(ctx context.Context, s settings, report reportFunc) (err error) {
	batches, points, err := s.batches()
	if err != nil {
		return err
	}
	e, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	empty, err := e.size(ctx)
	if err != nil {
		return err
	}
	m, err := startMeter(s.server)
	if err != nil {
		return err
	}
	durations, err := appendAll(ctx, e, batches)
	if err != nil {
		return err
	}
	elapsed := time.Since(m.began)
	if err := e.settle(ctx); err != nil {
		return err
	}
	_, used, err := m.read()
	if err != nil {
		return err
	}
	size, err := e.size(ctx)
	if err != nil {
		return err
	}
	return report("", map[string]float64{
		"points_per_cpu_second": float64(points) / used.Seconds(),
		"points_per_second":     float64(points) / elapsed.Seconds(),
		"bytes_per_point":       float64(size-empty) / float64(points),
		"p50_ms":                milliseconds(durations[len(durations)/2]),
		"worst_ms":              milliseconds(durations[len(durations)-1]),
	})
}

// appendAll appends the batches and returns their durations in ascending order.
func appendAll(ctx context.Context, e engine, batches [][]factory.Reading) ([]time.Duration, error) {
	durations := make([]time.Duration, 0, len(batches))
	for i, batch := range batches {
		began := time.Now()
		if err := e.append(ctx, batch); err != nil {
			return nil, fmt.Errorf("batch %d: %w", i, err)
		}
		durations = append(durations, time.Since(began))
	}
	slices.Sort(durations)
	return durations, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
