package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// measureHTTP runs l against a server, after a warm-up of a tenth of the time,
// and returns the result and the CPU time that the server used.
func (b *runner) measureHTTP(ctx context.Context, c *process, l httpLoad) (loadResult, time.Duration, error) {
	if _, err := l.run(ctx, b.seconds/10); err != nil {
		return loadResult{}, 0, err
	}
	before, err := c.cpuTime()
	if err != nil {
		return loadResult{}, 0, err
	}
	got, err := l.run(ctx, b.seconds)
	if err != nil {
		return loadResult{}, 0, err
	}
	after, err := c.cpuTime()
	switch {
	case err != nil:
		return loadResult{}, 0, err
	case got.requests == 0 || after <= before:
		return loadResult{}, 0, fmt.Errorf("nothing was measured: %d requests, %v", got.requests, got.failures)
	}
	return got, after - before, nil
}

// sample is what was counted during a measurement.
type sample struct {
	n       int
	cpu     time.Duration
	elapsed time.Duration
}

// measureWebSocket measures a load that is running on a pool, after a warm-up of
// a tenth of the time. It measures longer if nothing was counted. count is called
// at the beginning (on) and at the end of the measurement, and returns the count
// so far. pace, if given, is called before each wait and returns the longest time
// to wait.
func (b *runner) measureWebSocket(ctx context.Context, pool *clientPool, server *process, count func(on bool) int, pace ...func(now time.Time) (time.Duration, error)) (sample, error) {
	paced := func(now time.Time, wait time.Duration) (time.Duration, error) {
		for _, f := range pace {
			next, err := f(now)
			if err != nil {
				return 0, err
			}
			wait = min(wait, next)
		}
		return max(wait, 0), nil
	}
	var s sample
	var cpu time.Duration
	on, begin := false, time.Now()
	end := begin.Add(b.seconds / 10)
	err := pool.run(ctx, func(now time.Time) (time.Duration, error) {
		wait := end.Sub(now)
		if wait <= 0 {
			n := count(!on)
			if on && n == s.n && now.Before(end.Add(drainTimeout)) {
				return paced(now, b.seconds/10) // the machine is too busy
			}
			used, err := server.cpuTime()
			if err != nil {
				return 0, err
			}
			if s = (sample{n: n - s.n, cpu: used - cpu, elapsed: now.Sub(begin)}); on {
				return 0, errDone
			}
			on, cpu, begin, end = true, used, now, now.Add(b.seconds)
			wait = b.seconds
		}
		return paced(now, wait)
	})
	if err == nil && (s.n <= 0 || s.cpu <= 0) {
		err = errors.New("nothing was measured")
	}
	return s, err
}
