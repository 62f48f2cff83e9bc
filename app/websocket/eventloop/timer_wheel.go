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
	dueTick    int64 // the tick at which it is due
	callback   func()
	scheduled  bool
}

// wheel holds any number of timers for one goroutine and one system timer,
// which is set only while a timer is.
type timerWheel struct {
	startedAt time.Time
	wake      chan struct{}

	mu       sync.Mutex
	slots    [wheelSlots]*Timer
	tick     int64 // the last one that was worked off
	count    int
	wakeTick int64 // the tick that the goroutine sleeps until; 0 if it does for good
	ended    bool
}

func newTimerWheel() *timerWheel {
	return &timerWheel{startedAt: time.Now(), wake: make(chan struct{}, 1)}
}

func (w *timerWheel) now() int64 { return int64(time.Since(w.startedAt) / wheelTick) }

// After has f called once, d from now or up to 20 ms later, by the wheel's own
// goroutine: f must not block. A timer that is set already is moved. After the
// loop's end nothing is called any more.
func (l *Loop) SetTimer(t *Timer, d time.Duration, f func()) { l.wheel.after(t, d, f) }

// Stop stops a timer. Its function may be running, or about to.
func (l *Loop) StopTimer(t *Timer) { l.wheel.stop(t) }

func (w *timerWheel) after(t *Timer, d time.Duration, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.scheduled {
		w.removeLocked(t)
	}
	if w.ended {
		return
	}
	now := max(w.now(), w.tick)
	if w.count == 0 {
		w.tick = now
	}
	// The present tick has begun already, and d may end within one.
	t.dueTick = now + 1 + int64((d+wheelTick-1)/wheelTick)
	t.callback = f
	w.insertLocked(t)
	if w.wakeTick == 0 || t.dueTick < w.wakeTick {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *timerWheel) stop(t *Timer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.scheduled {
		w.removeLocked(t)
		t.callback = nil
	}
}

func (w *timerWheel) insertLocked(t *Timer) {
	head := &w.slots[t.dueTick%wheelSlots]
	t.prev, t.next, t.scheduled = nil, *head, true
	if *head != nil {
		(*head).prev = t
	}
	*head = t
	w.count++
}

func (w *timerWheel) removeLocked(t *Timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.slots[t.dueTick%wheelSlots] = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.scheduled = nil, nil, false
	w.count--
}

// run fires timers until stop is closed.
func (w *timerWheel) run(stop <-chan struct{}) {
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
func (w *timerWheel) advance(due []func()) []func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.count == 0 {
		w.tick = max(now, w.tick)
		return due
	}
	first := max(w.tick+1, now-wheelSlots+1) // after a long sleep, one turn covers all
	for tick := first; tick <= now; tick++ {
		for t := w.slots[tick%wheelSlots]; t != nil; {
			following := t.next
			if t.dueTick <= now {
				w.removeLocked(t)
				due = append(due, t.callback)
				t.callback = nil
			}
			t = following
		}
	}
	w.tick = max(now, w.tick)
	return due
}

// untilNext is how long nothing is due.
func (w *timerWheel) untilNext() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wakeTick = 0
	if w.count == 0 {
		return time.Hour
	}
	for tick := w.tick + 1; ; tick++ {
		if w.slots[tick%wheelSlots] != nil || tick-w.tick >= wheelSlots {
			w.wakeTick = tick // perhaps of a later turn, which costs one look
			return time.Until(w.startedAt.Add(time.Duration(tick) * wheelTick))
		}
	}
}
