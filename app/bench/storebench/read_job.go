package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smart-factory-backend/app/factory"
)

const (
	// longPoints are those of the one long series, rawPoints what is read of it
	// as points.
	longPoints, rawPoints = 1_000_000, 100_000
	// wideSeries are those of which the newest is read; batchSeries of them are
	// appended to beside.
	wideSeries, batchSeries = 10_000, 1000
	// besideTime is how long readings are appended while history is read.
	concurrentTime = 1500 * time.Millisecond
)

// Modes of what is read.
const (
	rawMode                = "100 000 points raw"
	minuteBucketsMode      = "1 000 000 points to minutes"
	oddBucketsMode         = "1 000 000 points to 50 s" // of which there are no rollups
	latestMode             = "latest of 10 000 series"
	appendMode             = "append, 1 000 a batch"
	appendWhileReadingMode = "append while reading"
)

// runRead stores a long series and many short ones, and tells how long it
// takes to read them; then what appends do beside reading.
func runRead(ctx context.Context, s settings, tell reportFunc) (err error) {
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
	beside := concurrentGenerator()
	beside.second = 1 // the first is there
	buckets := func(span int64) func() (int, error) {
		return func() (int, error) { return e.buckets(ctx, machine, metric, span) }
	}
	questions := []query{
		{rawMode, rawPoints, func() (int, error) { return e.raw(ctx, machine, metric, end-rawPoints*1000, end) }},
		{minuteBucketsMode, (longPoints + 59) / 60, buckets(60_000)},
		{oddBucketsMode, longPoints / 50, buckets(50_000)},
		{latestMode, wideSeries, func() (int, error) { return e.latest(ctx, wideSeries) }},
	}
	for range s.rounds {
		for _, q := range questions {
			figures, err := q.measure(s.server)
			if err == nil {
				err = tell(q.mode, figures)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", q.mode, err)
			}
		}
		if err := appendWhileReading(ctx, s, e, beside, buckets(60_000), tell); err != nil {
			return err
		}
	}
	return nil
}

// question is something to read, and how much that is.
type query struct {
	mode string
	want int
	read func() (int, error)
}

// ask reads until it has taken long enough for the clock of processor time.
func (q query) measure(server int) (map[string]float64, error) {
	m, err := startMeter(server)
	if err != nil {
		return nil, err
	}
	n := 0
	for ; n == 0 || n < 50 && time.Since(m.began) < 200*time.Millisecond; n++ {
		if got, err := q.read(); err != nil || got != q.want {
			return nil, fmt.Errorf("%d were read, want %d (%w)", got, q.want, err)
		}
	}
	elapsed, used, err := m.read()
	return map[string]float64{
		"milliseconds": milliseconds(elapsed) / float64(n), "cpu_milliseconds": milliseconds(used) / float64(n),
	}, err
}

// fillLong stores the series that are read. The long one is the first of
// wideSeries; the others have a point each.
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
	long.fill(one) // it is there already
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

// besidePlant has the series to which readings are appended beside.
func concurrentGenerator() *generator {
	p := newGenerator(batchSeries)
	for i := range p.readings {
		p.readings[i].Machine = "beside-" + p.readings[i].Machine
	}
	return p
}

// appendBeside appends batches for a while, first alone and then with a reader
// that asks for buckets of the long series all the time.
func appendWhileReading(ctx context.Context, s settings, e engine, p *generator, read func() (int, error), tell reportFunc) error {
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
			points, worst, err = appendFor(ctx, e, p, concurrentTime)
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
		if err := tell(mode, figures); err != nil {
			return err
		}
	}
	return nil
}

// appendFor appends a batch after the other for d.
func appendFor(ctx context.Context, e engine, p *generator, d time.Duration) (points int, worst time.Duration, err error) {
	batch := make([]factory.Reading, batchSeries)
	for began := time.Now(); time.Since(began) < d; points += len(batch) {
		p.fill(batch)
		start := time.Now()
		if err := e.append(ctx, batch); err != nil {
			return 0, 0, err
		}
		worst = max(worst, time.Since(start))
	}
	return points, worst, nil
}
