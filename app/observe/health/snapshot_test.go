package health_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/observe/health"
)

func TestChecksRunAtMostEvery100ms(t *testing.T) {
	t.Parallel()
	p := newFixture()
	var asked int
	p.Add("store", health.Readiness, func() error { asked++; return nil })
	steps := []struct {
		pass time.Duration
		want int
	}{{0, 1}, {0, 1}, {99 * time.Millisecond, 1}, {time.Millisecond, 2}, {50 * time.Millisecond, 2}, {time.Hour, 3}, {-time.Minute, 4}}
	for i, s := range steps {
		p.advance(s.pass)
		p.Live()
		p.Ready()
		p.Startup()
		p.Detail()
		if asked != s.want {
			t.Fatalf("step %d, %v on: the check ran %d times, want %d", i, s.pass, asked, s.want)
		}
	}
}

func TestRecoveryIsShownAfterTheInterval(t *testing.T) {
	t.Parallel()
	p := newFixture()
	var broken atomic.Bool
	p.Add("store", health.Readiness, func() error {
		if broken.Load() {
			return errors.New("disk full")
		}
		return nil
	})
	for i, want := range []bool{true, false, true} {
		broken.Store(!want)
		p.advance(100 * time.Millisecond)
		if _, ok := p.Ready(); ok != want {
			t.Errorf("step %d: Ready() = %v, want %v", i, ok, want)
		}
	}
}

// No time passes in this test: the state alone changes.
func TestStateChangeIsShownAtOnce(t *testing.T) {
	t.Parallel()
	p := newFixture()
	p.Live()
	p.running.Store(1)
	if body, _ := p.Live(); decode(t, body).Workers.Running != 1 {
		t.Errorf("Live() with a worker less = %s, want 1 running", body)
	}
	p.total.Store(1)
	if body, _ := p.Live(); decode(t, body).Status != "ok" {
		t.Errorf("Live() scaled down to one worker = %s, want ok", body)
	}
	p.running.Store(0)
	if body, ok := p.Live(); ok {
		t.Errorf("Live() without a worker = %s, ok", body)
	}
	p.draining.Store(true)
	if body, ok := p.Ready(); ok {
		t.Errorf("Ready() when shutdown has begun = %s, ok", body)
	}
}

func TestSetStartedIsShownAtOnce(t *testing.T) {
	t.Parallel()
	p := newFixture()
	p.Registry = health.New(p, p.now)
	if body, ok := p.Startup(); ok {
		t.Fatalf("Startup() before SetStarted = %s, ok", body)
	}
	p.SetStarted()
	p.SetStarted()
	if body, ok := p.Startup(); !ok {
		t.Errorf("Startup() after SetStarted = %s, not ok", body)
	}
	if body, ok := p.Ready(); !ok {
		t.Errorf("Ready() after SetStarted = %s, not ok", body)
	}
}

// A check that breaks its promise and blocks holds up the one probe that runs
// it; the others are answered from what is known, with the present state.
func TestBlockedCheckDoesNotDelayOtherProbes(t *testing.T) {
	t.Parallel()
	p := newFixture()
	entered, resume := make(chan struct{}, 1), make(chan struct{})
	var block atomic.Bool
	p.Add("store", health.Readiness, func() error {
		if block.Load() {
			entered <- struct{}{}
			<-resume
		}
		return nil
	})
	p.Live()
	block.Store(true)
	p.advance(time.Second)

	var first sync.WaitGroup
	first.Go(func() { p.Live() })
	<-entered
	if body, ok := p.Live(); !ok || decode(t, body).Status != "ok" {
		t.Errorf("Live() beside a blocked check = %s, %v, want the last answer", body, ok)
	}
	p.draining.Store(true)
	if body, ok := p.Ready(); ok || decode(t, body).Checks["store"] != "ok" {
		t.Errorf("Ready() beside a blocked check, draining = %s, %v, want draining", body, ok)
	}
	close(resume)
	first.Wait()
	// What the slow probe saw must not outlive it.
	if body, ok := p.Ready(); ok {
		t.Errorf("Ready() after the blocked check = %s, ok, want draining", body)
	}
}

// Run with -race: probes, time and state move at once, and after each change the
// probe of the one who made it shows it.
func TestConcurrentProbes(t *testing.T) {
	t.Parallel()
	p := newFixture()
	var inside, asked atomic.Int64
	p.Add("store", health.Readiness, func() error {
		if inside.Add(1) > 1 {
			t.Error("the check is called twice at a time")
		}
		asked.Add(1)
		inside.Add(-1)
		return nil
	})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				p.Live()
				p.Ready()
				p.Detail()
			}
		})
	}
	for i := range 500 {
		p.advance(10 * time.Millisecond)
		p.running.Store(int64(1 + i%2))
		if body, _ := p.Live(); decode(t, body).Workers.Running != 1+i%2 {
			t.Errorf("Live() = %s, want %d running", body, 1+i%2)
		}
	}
	close(stop)
	readers.Wait()
	if asked.Load() == 0 {
		t.Error("the check was never called")
	}
}

func TestCachedProbesDoNotAllocate(t *testing.T) {
	p := newFixture()
	p.Add("store", health.Readiness, passing)
	if allocs := testing.AllocsPerRun(100, func() { p.Live(); p.Ready(); p.Startup() }); allocs != 0 {
		t.Errorf("three fresh probes: %v allocations, want 0", allocs)
	}
}

func BenchmarkLive(b *testing.B) {
	r := health.New(newFixture(), time.Now)
	r.Add("store", health.Readiness, passing)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Live()
		}
	})
}
