package eventloop_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

// Each timer fires once, in order and not early. A stopped timer does not fire, a
// moved one only at its new time. The loop runs once all are set, so that none
// fires while the test still sets, stops or moves others.
func TestTimers(t *testing.T) {
	t.Parallel()
	l, err := eventloop.New(eventloop.Options{Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	const n, late = 6, 20 * time.Millisecond // as documented at SetTimer
	type call struct {
		timer int
		at    time.Time
	}
	fired := make(chan call, 20)
	timers := make([]eventloop.Timer, n)
	var from, to [n]time.Time // the interval in which it may fire
	set := func(i int, d time.Duration) {
		from[i] = time.Now().Add(d)
		l.SetTimer(&timers[i], d, func() { fired <- call{i, time.Now()} })
		to[i] = time.Now().Add(d + late)
	}
	for i, d := range []time.Duration{150, 50, 100, 0, 20, 60} {
		set(i, d*time.Millisecond)
	}
	l.StopTimer(&timers[4])
	l.StopTimer(&timers[4])
	set(5, 200*time.Millisecond)
	runLoop(t, l)
	var calls []call
	for range n - 1 {
		calls = append(calls, receive(t, "a timer", fired))
	}
	seen := map[int]bool{4: true}
	for k, c := range calls {
		if seen[c.timer] {
			t.Errorf("timer %d fired, though it was stopped or had fired before", c.timer)
		}
		seen[c.timer] = true
		if c.at.Before(from[c.timer]) {
			t.Errorf("timer %d fired %v before its time", c.timer, from[c.timer].Sub(c.at))
		}
		for _, earlier := range calls[:k] {
			if to[c.timer].Before(from[earlier.timer]) {
				t.Errorf("timer %d fired before timer %d, which was due before it", earlier.timer, c.timer)
			}
		}
	}
	set(0, 0) // a timer that has fired can be set again
	if c := receive(t, "the timer set again", fired); c.timer != 0 {
		t.Errorf("timer %d fired again", c.timer)
	}
}

func TestTimerResetsItself(t *testing.T) {
	t.Parallel()
	l, _ := startLoop(t)
	beats := make(chan time.Time, 10)
	var timer eventloop.Timer
	var beat func()
	beat = func() {
		select {
		case beats <- time.Now():
			l.SetTimer(&timer, 20*time.Millisecond, beat)
		default:
		}
	}
	l.SetTimer(&timer, 0, beat)
	last := receive(t, "a beat", beats)
	for range 5 {
		now := receive(t, "a beat", beats)
		if now.Sub(last) < 20*time.Millisecond-time.Millisecond {
			t.Errorf("two beats within %v", now.Sub(last))
		}
		last = now
	}
	l.StopTimer(&timer)
}

// More timers than the wheel has slots, some beyond one turn.
func TestManyTimers(t *testing.T) {
	t.Parallel()
	l, stop := startLoop(t)
	const n = 10_000
	fired := make(chan int, n)
	timers := make([]eventloop.Timer, n)
	for i := range timers {
		d := time.Duration(i%300) * time.Millisecond
		if i%2 == 1 {
			d += time.Hour
		}
		l.SetTimer(&timers[i], d, func() { fired <- i })
	}
	for range n / 2 {
		if i := receive(t, "a timer", fired); i%2 == 1 {
			t.Fatalf("timer %d fired an hour early", i)
		}
	}
	stop()
	l.SetTimer(&timers[0], 0, func() { t.Error("a timer fired after the loop's end") })
}

func BenchmarkTimer(b *testing.B) {
	l, _ := startLoop(b)
	timers := make([]eventloop.Timer, 10_000)
	b.ReportAllocs()
	for i := range b.N {
		l.SetTimer(&timers[i%len(timers)], time.Hour, func() {})
	}
}

// A panic in the function of one timer ends no other timer.
func TestTimersSurviveAPanic(t *testing.T) {
	t.Parallel()
	panics := make(chan any, 1)
	l, err := eventloop.New(eventloop.Options{Shards: 1, OnPanic: func(v any, _ []byte) { panics <- v }})
	if err != nil {
		t.Fatal(err)
	}
	fired := make(chan struct{}, 2)
	var bad, good, later eventloop.Timer
	l.SetTimer(&bad, 0, func() { panic("a session's fault") })
	l.SetTimer(&good, 0, func() { fired <- struct{}{} })
	l.SetTimer(&later, 50*time.Millisecond, func() { fired <- struct{}{} })
	runLoop(t, l)
	if v := receive(t, "the panic", panics); v != "a session's fault" {
		t.Errorf("OnPanic received %v", v)
	}
	receive(t, "a timer of the same tick", fired)
	receive(t, "a later timer", fired)
}
