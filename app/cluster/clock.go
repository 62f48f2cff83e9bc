package cluster

import (
	"sync/atomic"
	"time"
)

const (
	// clockTick is how far a clock normally lags behind the system clock.
	clockTick = 50 * time.Millisecond
	// suspensionThreshold is the lag, in nanos, from which on the process must
	// have been suspended: a paused container or a suspended machine.
	suspensionThreshold = int64(time.Second)
	// shortDuration is the length below which a duration is measured from the
	// system clock. On a busy machine a clock may lag by up to
	// suspensionThreshold, which matters little for longer ones.
	shortDuration = 5 * time.Second
	// maxSuspensionGrace bounds how far a suspension postpones deadlines, in
	// nanos.
	maxSuspensionGrace = int64(time.Minute)
)

// clock is a coarse clock: it lags by up to clockTick. Reading it costs almost
// nothing, whereas several reads of the system clock per request are
// measurable. It detects when the process was suspended.
type clock struct {
	now atomic.Int64
	// resumedAt is when the last suspension ended, and suspended how long it
	// took, up to maxSuspensionGrace.
	resumedAt, suspended atomic.Int64
}

// nanos returns the time of the clock.
func (c *clock) nanos() int64 { return c.now.Load() }

// after returns the time that is d from now, or up to clockTick later. On a
// busy machine it may be up to suspensionThreshold earlier if d is at least
// shortDuration.
func (c *clock) after(d time.Duration) int64 {
	now := c.nanos()
	if d < shortDuration {
		now = c.refresh()
	}
	return now + int64(clockTick+d)
}

// refresh sets the clock to the system clock and returns the time.
func (c *clock) refresh() int64 {
	now := nanos()
	for {
		before := c.now.Load()
		if before >= now {
			return now
		}
		if c.now.CompareAndSwap(before, now) {
			if now-before > suspensionThreshold {
				c.suspended.Store(min(now-before, maxSuspensionGrace))
				c.resumedAt.Store(now)
			}
			return now
		}
	}
}

// run refreshes the clock until stop is closed.
func (c *clock) run(stop <-chan struct{}) {
	tick := time.NewTicker(clockTick / 2)
	defer tick.Stop()
	for {
		c.refresh()
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// Now returns the time, accurate to 50 ms, at a fraction of the cost of
// time.Now. It does not advance while Run does not run.
func (s *Supervisor) Now() time.Time { return epoch.Add(time.Duration(s.clock.nanos())) }
