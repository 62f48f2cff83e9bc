package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smart-factory-backend/app/factory"
)

const (
	// longPoints is the number of points of the long series, rawPoints how many
	// of them the raw query reads.
	longPoints, rawPoints = 1_000_000, 100_000
	// wideSeries is the number of series, batchSeries how many of them receive
	// readings during the queries.
	wideSeries, batchSeries = 10_000, 1000
	// concurrentTime is how long readings are appended during the queries.
	concurrentTime = 1500 * time.Millisecond
)

// Modes of the job read.
const (
	rawMode                = "100 000 points raw"
	minuteBucketsMode      = "1 000 000 points to minutes"
	oddBucketsMode         = "1 000 000 points to 50 s" // not a rollup's interval
	latestMode             = "latest of 10 000 series"
	appendMode             = "append, 1 000 a batch"
	appendWhileReadingMode = "append while reading"
)

// runRead stores one long series and many short ones, and reports the duration of
// queries, then that of appends without and with concurrent queries.
func runRead(ctx context.Context, s settings, report reportFunc) (err error) {
	e, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	machine, metric, end, err := fillSeries(ctx, e)
	if err != nil {
		return err
	}
	if err := e.settle(ctx); err != nil {
		return err
	}
	appended := concurrentGenerator()
	appended.second = 1 // fillSeries stored the first second
	buckets := func(span int64) func() (int, error) {
		return func() (int, error) { return e.buckets(ctx, machine, metric, span) }
	}
	queries := []query{
		{rawMode, rawPoints, func() (int, error) { return e.raw(ctx, machine, metric, end-rawPoints*1000, end) }},
		{minuteBucketsMode, (longPoints + 59) / 60, buckets(60_000)},
		{oddBucketsMode, longPoints / 50, buckets(50_000)},
		{latestMode, wideSeries, func() (int, error) { return e.latest(ctx, wideSeries) }},
	}
	for range s.rounds {
		for _, q := range queries {
			figures, err := q.measure(s.server)
			if err == nil {
				err = report(q.mode, figures)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", q.mode, err)
			}
		}
		if err := appendWhileReading(ctx, s, e, appended, buckets(60_000), report); err != nil {
			return err
		}
	}
	return nil
}

// query is a query and the number of results that it must return.
type query struct {
	mode string
	want int
	read func() (int, error)
}

// measure repeats the query until it took long enough for the resolution of the
// CPU clock.
func (q query) measure(server int) (map[string]float64, error) {
	m, err := startMeter(server)
	if err != nil {
		return nil, err
	}
	n := 0
	for ; n == 0 || n < 50 && time.Since(m.began) < 200*time.Millisecond; n++ {
		if got, err := q.read(); err != nil || got != q.want {
			return nil, fmt.Errorf("%d results, want %d (%w)", got, q.want, err)
		}
	}
	elapsed, used, err := m.read()
	return map[string]float64{
		"milliseconds": milliseconds(elapsed) / float64(n), "cpu_milliseconds": milliseconds(used) / float64(n),
	}, err
}

// fillSeries stores the series of the queries. The long one is the first of
// wideSeries; the others have one point each.
func fillSeries(ctx context.Context, e engine) (machine, metric string, end int64, err error) {
	wide := make([]factory.Reading, wideSeries-batchSeries)
	newGenerator(len(wide)).fill(wide)
	if err := e.append(ctx, wide); err != nil {
		return "", "", 0, err
	}
	others := make([]factory.Reading, batchSeries)
	concurrentGenerator().fill(others)
	if err := e.append(ctx, others); err != nil {
		return "", "", 0, err
	}
	long := newGenerator(1)
	one := make([]factory.Reading, 1)
	long.fill(one) // already stored
	batch := make([]factory.Reading, 10_000)
	for n := 1; n < longPoints; n += len(batch) {
		batch = batch[:min(len(batch), longPoints-n)]
		long.fill(batch)
		if err := e.append(ctx, batch); err != nil {
			return "", "", 0, err
		}
	}
	return wide[0].Machine, wide[0].Metric, generatorStart + longPoints*1000, nil
}

// concurrentGenerator generates the series of appendWhileReading.
func concurrentGenerator() *generator {
	g := newGenerator(batchSeries)
	for i := range g.readings {
		g.readings[i].Machine = "concurrent-" + g.readings[i].Machine
	}
	return g
}

// appendWhileReading appends batches for concurrentTime, first alone and then while
// another goroutine calls read all the time.
func appendWhileReading(ctx context.Context, s settings, e engine, g *generator, read func() (int, error), report reportFunc) error {
	for _, mode := range []string{appendMode, appendWhileReadingMode} {
		stop, ended := make(chan struct{}), make(chan error, 1)
		reads := 0
		go func() {
			for mode == appendWhileReadingMode {
				select {
				case <-stop:
					ended <- nil
					return
				default:
				}
				if _, err := read(); err != nil {
					ended <- err
					return
				}
				reads++
			}
			ended <- nil
		}()
		m, err := startMeter(s.server)
		points, worst := 0, time.Duration(0)
		if err == nil {
			points, worst, err = appendFor(ctx, e, g, concurrentTime)
		}
		elapsed, used, meterErr := m.read()
		close(stop)
		if err := errors.Join(err, meterErr, <-ended); err != nil {
			return err
		}
		figures := map[string]float64{
			"points_per_second": float64(points) / elapsed.Seconds(), "worst_ms": milliseconds(worst),
			"reads_per_second": float64(reads) / elapsed.Seconds(),
		}
		if mode == appendMode {
			figures["points_per_cpu_second"] = float64(points) / used.Seconds()
		}
		if err := report(mode, figures); err != nil {
			return err
		}
	}
	return nil
}

// appendFor appends batches one after another for d.
func appendFor(ctx context.Context, e engine, g *generator, d time.Duration) (points int, worst time.Duration, err error) {
	batch := make([]factory.Reading, batchSeries)
	for began := time.Now(); time.Since(began) < d; points += len(batch) {
		g.fill(batch)
		start := time.Now()
		if err := e.append(ctx, batch); err != nil {
			return 0, 0, err
		}
		worst = max(worst, time.Since(start))
	}
	return points, worst, nil
}
