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
	besideTime = 1500 * time.Millisecond
)

// Modes of what is read.
const (
	rawMode     = "100 000 points raw"
	minutesMode = "1 000 000 points to minutes"
	spansMode   = "1 000 000 points to 50 s" // of which there are no rollups
	latestMode  = "latest of 10 000 series"
	alongMode   = "append, 1 000 a batch"
	besideMode  = "append while reading"
)

// runRead stores a long series and many short ones, and tells how long it
// takes to read them; then what appends do beside reading.
func runRead(ctx context.Context, s settings, tell tell) (err error) {
	e, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	machine, metric, end, err := fillLong(ctx, e)
	if err != nil {
		return err
	}
	if err := e.settle(ctx); err != nil {
		return err
	}
	beside := besidePlant()
	beside.second = 1 // the first is there
	buckets := func(span int64) func() (int, error) {
		return func() (int, error) { return e.buckets(ctx, machine, metric, span) }
	}
	questions := []question{
		{rawMode, rawPoints, func() (int, error) { return e.raw(ctx, machine, metric, end-rawPoints*1000, end) }},
		{minutesMode, (longPoints + 59) / 60, buckets(60_000)},
		{spansMode, longPoints / 50, buckets(50_000)},
		{latestMode, wideSeries, func() (int, error) { return e.latest(ctx, wideSeries) }},
	}
	for range s.rounds {
		for _, q := range questions {
			figures, err := q.ask(s.server)
			if err == nil {
				err = tell(q.mode, figures)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", q.mode, err)
			}
		}
		if err := appendBeside(ctx, s, e, beside, buckets(60_000), tell); err != nil {
			return err
		}
	}
	return nil
}

// question is something to read, and how much that is.
type question struct {
	mode string
	want int
	read func() (int, error)
}

// ask reads until it has taken long enough for the clock of processor time.
func (q question) ask(server int) (map[string]float64, error) {
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
func fillLong(ctx context.Context, e engine) (machine, metric string, end int64, err error) {
	wide := make([]factory.Reading, wideSeries-batchSeries)
	newPlant(len(wide)).fill(wide)
	if err := e.append(ctx, wide); err != nil {
		return "", "", 0, err
	}
	others := make([]factory.Reading, batchSeries)
	besidePlant().fill(others)
	if err := e.append(ctx, others); err != nil {
		return "", "", 0, err
	}
	long := newPlant(1)
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
	return wide[0].Machine, wide[0].Metric, plantBegin + longPoints*1000, nil
}

// besidePlant has the series to which readings are appended beside.
func besidePlant() *plant {
	p := newPlant(batchSeries)
	for i := range p.readings {
		p.readings[i].Machine = "beside-" + p.readings[i].Machine
	}
	return p
}

// appendBeside appends batches for a while, first alone and then with a reader
// that asks for buckets of the long series all the time.
func appendBeside(ctx context.Context, s settings, e engine, p *plant, read func() (int, error), tell tell) error {
	for _, mode := range []string{alongMode, besideMode} {
		stop, ended := make(chan struct{}), make(chan error, 1)
		reads := 0
		go func() {
			for mode == besideMode {
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
			points, worst, err = appendFor(ctx, e, p, besideTime)
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
		if mode == alongMode {
			figures["points_per_cpu_second"] = float64(points) / used.Seconds()
		}
		if err := tell(mode, figures); err != nil {
			return err
		}
	}
	return nil
}

// appendFor appends a batch after the other for d.
func appendFor(ctx context.Context, e engine, p *plant, d time.Duration) (points int, worst time.Duration, err error) {
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
