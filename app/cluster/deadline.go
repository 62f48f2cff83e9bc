package cluster

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// epoch is what monotonic nanoseconds are counted from.
var epoch = time.Now()

func nanos() int64 { return int64(time.Since(epoch)) }

const never = math.MaxInt64

// deadline is a deadline that costs no system timer to move later, which is
// what a server does with each request. The timer stays where it was; when it
// fires, the caller asks due whether the deadline has really come. It is safe
// for concurrent use.
type deadline struct {
	// at is when the deadline comes, in nanos; never for none.
	at atomic.Int64

	// armed is when the timer fires; never while it is not set.
	armed atomic.Int64

	mu sync.Mutex // setting the timer
	// timer sets the timer; nil before start, while nobody can be waiting.
	timer func(time.Time) error
}

func (d *deadline) init() {
	d.at.Store(never)
	d.armed.Store(never)
}

// start gives the deadline its timer.
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
		return // it fires early enough, and due sees to the rest
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armLocked()
}

// postpone sets the deadline to a while from now after the timer has fired.
func (d *deadline) postpone(by time.Duration, c *clock) {
	d.setNanos(nanos() + int64(by))
	d.due(c)
}

// rearm sets the timer to the deadline after somebody else has set it.
func (d *deadline) rearm() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armLocked()
}

// due is called when the timer has fired. It reports whether the deadline has
// come; if not, it has set the timer anew. One that came while the process stood
// still is put off: what it waits for had no chance to happen, and it may have
// been set by a clock that had not noticed yet.
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

// armLocked sets the timer to the deadline, again if that moves meanwhile to
// an earlier time: whoever moved it may have seen the old timer and left.
func (d *deadline) armLocked() {
	for d.timer != nil {
		at := d.at.Load()
		d.armed.Store(at)
		t := time.Time{}
		if at != never {
			t = epoch.Add(time.Duration(at))
		}
		_ = d.timer(t) // fails on a closed connection, whose reads and writes fail as well
		if d.at.Load() >= at {
			return
		}
	}
}
