package cluster

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// epoch is the origin of all times in nanos.
var epoch = time.Now()

// nanos returns the monotonic time since epoch in nanoseconds.
func nanos() int64 { return int64(time.Since(epoch)) }

// never is a deadline that does not come.
const never = math.MaxInt64

// deadline is a deadline that can be moved later without setting a timer, as a
// server does for each request. The timer keeps its time. When it fires, the
// caller asks due whether the deadline has been reached. A deadline may be
// used concurrently.
type deadline struct {
	// at is the deadline, in nanos; never for none.
	at atomic.Int64

	// armed is when the timer fires; never if it is not set.
	armed atomic.Int64

	mu sync.Mutex
	// timer sets the timer; nil before start, while no goroutine can be waiting.
	timer func(time.Time) error
}

func (d *deadline) init() {
	d.at.Store(never)
	d.armed.Store(never)
}

// start sets the function that sets the timer.
func (d *deadline) start(timer func(time.Time) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer = timer
	d.armLocked()
}

// set moves the deadline to t; the zero time removes it.
func (d *deadline) set(t time.Time) {
	if t.IsZero() {
		d.setNanos(never)
		return
	}
	d.setNanos(int64(t.Sub(epoch)))
}

func (d *deadline) setNanos(at int64) {
	d.at.Store(at)
	if d.armed.Load() <= at {
		return // it fires early enough, and due sets it again
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armLocked()
}

// postpone sets the deadline to by from now, after the timer has fired.
func (d *deadline) postpone(by time.Duration, c *clock) {
	d.setNanos(nanos() + int64(by))
	d.due(c)
}

// rearm sets the timer to the deadline after other code has set the timer.
func (d *deadline) rearm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armLocked()
}

// due is called when the timer has fired. It reports whether the deadline has
// been reached, and sets the timer again if not. A deadline that was reached
// while the process was suspended is postponed: the awaited event could not
// happen, and the deadline may have been set before the clock noticed.
func (d *deadline) due(c *clock) bool {
	now := c.refresh()
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.at.Load()
	if at < c.resumedAt.Load() {
		d.at.CompareAndSwap(at, now+c.suspended.Load())
	} else if at <= now {
		return true
	}
	d.armLocked()
	return false
}

// armLocked sets the timer to the deadline. It repeats that if the deadline
// moves to an earlier time meanwhile, because setNanos may have relied on the
// previous timer.
func (d *deadline) armLocked() {
	for d.timer != nil {
		at := d.at.Load()
		d.armed.Store(at)
		t := time.Time{}
		if at != never {
			t = epoch.Add(time.Duration(at))
		}
		_ = d.timer(t) // fails only on a closed connection
		if d.at.Load() >= at {
			return
		}
	}
}
