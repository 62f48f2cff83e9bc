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
// fires, the caller looks whether the deadline has really come. It is safe
// for concurrent use.
type deadline struct {
	// at is when the deadline comes, in nanos; never for none.
	at atomic.Int64

	mu sync.Mutex
	// armed is when the timer fires; never while it is not set.
	armed int64
	// arm sets the timer.
	arm func(time.Time) error
}

func (d *deadline) init(arm func(time.Time) error) {
	d.arm = arm
	d.at.Store(never)
	d.armed = never
}

// set moves the deadline to t; the zero time removes it.
func (d *deadline) set(t time.Time) error {
	at := int64(never)
	if !t.IsZero() {
		at = int64(t.Sub(epoch))
	}
	return d.setNanos(at)
}

func (d *deadline) setNanos(at int64) error {
	d.at.Store(at)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.armed <= at {
		return nil // it fires early enough, and due sees to the rest
	}
	d.armed = at
	return d.arm(epoch.Add(time.Duration(at)))
}

// due is called when the timer has fired. It reports whether the deadline has
// come; if not, it has set the timer anew.
func (d *deadline) due() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.at.Load()
	if at <= nanos() {
		return true
	}
	d.armed = at
	t := time.Time{}
	if at != never {
		t = epoch.Add(time.Duration(at))
	}
	return d.arm(t) != nil
}
