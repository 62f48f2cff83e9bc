package eventloop

import (
	"sync"
	"time"
)

const (
	wheelTick = 10 * time.Millisecond
	// wheelSlots ticks make a turn; a later timer goes round again.
	wheelSlots = 4096
)

// Timer is a timer in a loop's wheel. The zero value is ready; it must not be
// copied, and belongs to one Loop.
type Timer struct {
	next, prev *Timer
	at         int64 // the tick at which it is due
	f          func()
	set        bool
}

// wheel holds any number of timers for one goroutine and one system timer,
// which is set only while a timer is.
type wheel struct {
	begin time.Time
	wake  chan struct{}

	mu    sync.Mutex
	slots [wheelSlots]*Timer
	tick  int64 // the last one that was worked off
	n     int
	next  int64 // the tick that the goroutine sleeps until; 0 if it does for good
	ended bool
}

func newWheel() *wheel {
	return &wheel{begin: time.Now(), wake: make(chan struct{}, 1)}
}

func (w *wheel) now() int64 { return int64(time.Since(w.begin) / wheelTick) }

// After has f called once, d from now or up to 20 ms later, by the wheel's own
// goroutine: f must not block. A timer that is set already is moved. After the
// loop's end nothing is called any more.
func (l *Loop) After(t *Timer, d time.Duration, f func()) { l.wheel.after(t, d, f) }

// Stop stops a timer. Its function may be running, or about to.
func (l *Loop) Stop(t *Timer) { l.wheel.stop(t) }

func (w *wheel) after(t *Timer, d time.Duration, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.set {
		w.removeLocked(t)
	}
	if w.ended {
		return
	}
	now := max(w.now(), w.tick)
	if w.n == 0 {
		w.tick = now
	}
	// The present tick has begun already, and d may end within one.
	t.at = now + 1 + int64((d+wheelTick-1)/wheelTick)
	t.f = f
	w.insertLocked(t)
	if w.next == 0 || t.at < w.next {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *wheel) stop(t *Timer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.set {
		w.removeLocked(t)
		t.f = nil
	}
}

func (w *wheel) insertLocked(t *Timer) {
	head := &w.slots[t.at%wheelSlots]
	t.prev, t.next, t.set = nil, *head, true
	if *head != nil {
		(*head).prev = t
	}
	*head = t
	w.n++
}

func (w *wheel) removeLocked(t *Timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.at%wheelSlots] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.set = nil, nil, false
	w.n--
}

// run fires timers until stop is closed.
func (w *wheel) run(stop <-chan struct{}) {
	sleep := time.NewTimer(time.Hour)
	defer sleep.Stop()
	var due []func()
	for {
		due = w.advance(due[:0])
		for i, f := range due {
			f()
			due[i] = nil
		}
		sleep.Reset(w.untilNext())
		select {
		case <-sleep.C:
		case <-w.wake:
		case <-stop:
			w.mu.Lock()
			w.ended = true
			w.mu.Unlock()
			return
		}
	}
}

// advance works off the ticks up to now and returns what is due.
func (w *wheel) advance(due []func()) []func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.n == 0 {
		w.tick = max(now, w.tick)
		return due
	}
	first := max(w.tick+1, now-wheelSlots+1) // after a long sleep, one turn covers all
	for tick := first; tick <= now; tick++ {
		for t := w.slots[tick%wheelSlots]; t != nil; {
			following := t.next
			if t.at <= now {
				w.removeLocked(t)
				due = append(due, t.f)
				t.f = nil
			}
			t = following
		}
	}
	w.tick = max(now, w.tick)
	return due
}

// untilNext is how long nothing is due.
func (w *wheel) untilNext() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = 0
	if w.n == 0 {
		return time.Hour
	}
	for tick := w.tick + 1; ; tick++ {
		if w.slots[tick%wheelSlots] != nil || tick-w.tick >= wheelSlots {
			w.next = tick // perhaps of a later turn, which costs one look
			return time.Until(w.begin.Add(time.Duration(tick) * wheelTick))
		}
	}
}
