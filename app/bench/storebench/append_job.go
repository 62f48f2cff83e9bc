package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"smart-factory-backend/app/factory"
)

// regular names the data of a plant.
const regularData = "regular"

// batches returns what the job is to append, cut into batches.
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

// runAppend appends the data in batches, one after another, and tells what a
// point took until it was where it stays, and on the disk.
func runAppend(ctx context.Context, s settings, tell reportFunc) (err error) {
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
	pauses, err := appendAll(ctx, e, batches)
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
	return tell("", map[string]float64{
		"points_per_cpu_second": float64(points) / used.Seconds(),
		"points_per_second":     float64(points) / elapsed.Seconds(),
		"bytes_per_point":       float64(size-empty) / float64(points),
		"p50_ms":                milliseconds(pauses[len(pauses)/2]),
		"worst_ms":              milliseconds(pauses[len(pauses)-1]),
	})
}

// appendAll appends the batches and returns how long each took, in ascending
// order.
func appendAll(ctx context.Context, e engine, batches [][]factory.Reading) ([]time.Duration, error) {
	pauses := make([]time.Duration, 0, len(batches))
	for i, batch := range batches {
		began := time.Now()
		if err := e.append(ctx, batch); err != nil {
			return nil, fmt.Errorf("batch %d: %w", i, err)
		}
		pauses = append(pauses, time.Since(began))
	}
	slices.Sort(pauses)
	return pauses, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
