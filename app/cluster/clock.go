package cluster

import (
	"sync/atomic"
	"time"
)

const (
	// clockTick is how far a clock may be behind.
	clockTick = 50 * time.Millisecond
	// standstill is how far it has to be behind to say that the process has
	// stood still: a paused container, a suspended machine.
	suspensionThreshold = int64(time.Second)
	// short times are counted from the system's clock: ours may be behind by up
	// to a standstill while the machine is busy, which is little of a longer one.
	shortDuration = 5 * time.Second
	// maxGrace is how far a standstill puts off what was to happen meanwhile.
	maxSuspensionGrace = int64(time.Minute)
)

// clock is the time to within clockTick. Reading it costs next to nothing,
// where reading the system's several times would show in every request.
type clock struct {
	now atomic.Int64
	// resumed is when the process went on after the last standstill, and
	// grace how long that was, or maxGrace.
	resumedAt, suspended atomic.Int64
}

// nanos is a moment of the last clockTick.
func (c *clock) nanos() int64 { return c.now.Load() }

// in is a moment that is d from now, clockTick later at the latest, unless the
// process stands still. On a busy machine it may be up to a standstill earlier,
// where d is not short.
func (c *clock) after(d time.Duration) int64 {
	now := c.nanos()
	if d < shortDuration {
		now = c.refresh()
	}
	return now + int64(clockTick+d)
}

// refresh sets the clock and returns the time.
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

// run keeps the clock until stop is closed.
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

// Now is the time to within 50 ms, for a fraction of what the system's clock
// costs. It stands still while Run does not run.
func (s *Supervisor) Now() time.Time { return epoch.Add(time.Duration(s.clock.nanos())) }
