package eventloop

import (
	"runtime/debug"
	"sync"
	"time"
)

const (
	wheelTick = 10 * time.Millisecond
	// wheelSlots ticks are one turn. A later timer stays in its slot for
	// several turns.
	wheelSlots = 4096
)

// Timer is a timer in a loop's timer wheel. The zero value is ready to use. A
// Timer must not be copied, and may be used with one Loop only.
type Timer struct {
	next, prev *Timer
	dueTick    int64
	callback   func()
	scheduled  bool
}

// timerWheel holds any number of timers with one goroutine and one system
// timer, which is set only while the wheel is not empty.
type timerWheel struct {
	startedAt time.Time
	wake      chan struct{}
	onPanic   func(value any, stack []byte) // may be nil

	mu       sync.Mutex
	slots    [wheelSlots]*Timer
	tick     int64 // the last tick whose timers have fired
	count    int
	wakeTick int64 // the tick at which the goroutine wakes up; 0 for none
	stopped  bool
}

func newTimerWheel(onPanic func(any, []byte)) *timerWheel {
	return &timerWheel{startedAt: time.Now(), wake: make(chan struct{}, 1), onPanic: onPanic}
}

func (w *timerWheel) now() int64 { return int64(time.Since(w.startedAt) / wheelTick) }

// SetTimer has f called once, d from now or up to 20 ms later, on the wheel's
// goroutine: f must not block. A timer that is set already is moved. After the
// loop has stopped, no timer fires.
func (l *Loop) SetTimer(t *Timer, d time.Duration, f func()) { l.wheel.after(t, d, f) }

// StopTimer stops a timer. Its function may be running, or be about to run.
func (l *Loop) StopTimer(t *Timer) { l.wheel.stop(t) }

func (w *timerWheel) after(t *Timer, d time.Duration, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.scheduled {
		w.removeLocked(t)
	}
	if w.stopped {
		return
	}
	now := max(w.now(), w.tick)
	if w.count == 0 {
		w.tick = now
	}
	// Rounded up twice: d to whole ticks, and for the part of the current
	// tick that has passed.
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
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var due []func()
	for {
		due = w.advance(due[:0])
		for i, f := range due {
			w.fire(f)
			due[i] = nil
		}
		timer.Reset(w.untilNext())
		select {
		case <-timer.C:
		case <-w.wake:
		case <-stop:
			w.mu.Lock()
			w.stopped = true
			w.mu.Unlock()
			return
		}
	}
}

// fire calls the function of a timer and contains its panic: it concerns one
// connection, and the timers of all others would end with it.
func (w *timerWheel) fire(f func()) {
	defer func() {
		if v := recover(); v != nil && w.onPanic != nil {
			w.onPanic(v, debug.Stack())
		}
	}()
	f()
}

// advance moves the wheel to the current tick and appends the functions of
// expired timers to due.
func (w *timerWheel) advance(due []func()) []func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.count == 0 {
		w.tick = max(now, w.tick)
		return due
	}
	first := max(w.tick+1, now-wheelSlots+1) // after a long sleep, one turn covers all slots
	for tick := first; tick <= now; tick++ {
		for t := w.slots[tick%wheelSlots]; t != nil; {
			next := t.next
			if t.dueTick <= now {
				w.removeLocked(t)
				due = append(due, t.callback)
				t.callback = nil
			}
			t = next
		}
	}
	w.tick = max(now, w.tick)
	return due
}

// untilNext returns how long the goroutine may sleep.
func (w *timerWheel) untilNext() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wakeTick = 0
	if w.count == 0 {
		return time.Hour
	}
	for tick := w.tick + 1; ; tick++ {
		if w.slots[tick%wheelSlots] != nil || tick-w.tick >= wheelSlots {
			w.wakeTick = tick // if the timer belongs to a later turn, waking up is harmless
			return time.Until(w.startedAt.Add(time.Duration(tick) * wheelTick))
		}
	}
}
