package eventloop_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/eventloop"
)

// TestTimers: each fires once, not before its time, in order; a stopped one
// does not, and a moved one only at its new time.
func TestTimers(t *testing.T) {
	t.Parallel()
	l, _ := start(t)
	fired := make(chan int, 20)
	begin := time.Now()
	timers := make([]eventloop.Timer, 6)
	for i, d := range []time.Duration{150, 50, 100, 0, 20, 60} {
		l.After(&timers[i], d*time.Millisecond, func() {
			if took := time.Since(begin); took < d*time.Millisecond {
				t.Errorf("timer %d fired after %v", i, took)
			}
			fired <- i
		})
	}
	l.Stop(&timers[4])
	l.Stop(&timers[4])
	l.After(&timers[5], 200*time.Millisecond, func() { fired <- 50 })
	for _, want := range []int{3, 1, 2, 0, 50} {
		if got := within(t, "a timer", fired); got != want {
			t.Errorf("timer %d fired, want %d", got, want)
		}
	}
	l.After(&timers[0], 0, func() { fired <- 0 }) // one that has fired can be set again
	within(t, "the timer set again", fired)
}

// TestTimerSetsItself: as a heartbeat does.
func TestTimerSetsItself(t *testing.T) {
	t.Parallel()
	l, _ := start(t)
	beats := make(chan time.Time, 10)
	var timer eventloop.Timer
	var beat func()
	beat = func() {
		select {
		case beats <- time.Now():
			l.After(&timer, 20*time.Millisecond, beat)
		default:
		}
	}
	l.After(&timer, 0, beat)
	last := within(t, "a beat", beats)
	for range 5 {
		now := within(t, "a beat", beats)
		if now.Sub(last) < 20*time.Millisecond-time.Millisecond {
			t.Errorf("two beats within %v", now.Sub(last))
		}
		last = now
	}
	l.Stop(&timer)
}

// TestManyTimers: more than the wheel has slots, some beyond one turn.
func TestManyTimers(t *testing.T) {
	t.Parallel()
	l, stop := start(t)
	const n = 10_000
	fired := make(chan int, n)
	timers := make([]eventloop.Timer, n)
	for i := range timers {
		d := time.Duration(i%300) * time.Millisecond
		if i%2 == 1 {
			d += time.Hour
		}
		l.After(&timers[i], d, func() { fired <- i })
	}
	for range n / 2 {
		if i := within(t, "a timer", fired); i%2 == 1 {
			t.Fatalf("timer %d fired an hour early", i)
		}
	}
	stop()
	l.After(&timers[0], 0, func() { t.Error("a timer fired after the loop's end") })
}

func BenchmarkTimer(b *testing.B) {
	l, _ := start(b)
	timers := make([]eventloop.Timer, 10_000)
	b.ReportAllocs()
	for i := range b.N {
		l.After(&timers[i%len(timers)], time.Hour, func() {})
	}
}
