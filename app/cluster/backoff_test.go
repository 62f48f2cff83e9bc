package cluster_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
	"pgregory.net/rapid"
)

// wantDelay wants a delay between half of full and full.
func wantDelay(t *testing.T, what string, delay, full time.Duration) {
	t.Helper()
	if delay < full/2 || delay > full {
		t.Errorf("%s: delay %v, want %v to %v", what, delay, full/2, full)
	}
}

func TestRestartsWithinIntensityAreImmediate(t *testing.T) {
	t.Parallel()
	i := cluster.NewIntensity(5, 30*time.Second, time.Second, time.Minute)
	for n := range 5 {
		if d := i.RecordFailure(time.Duration(n) * time.Second); d != 0 {
			t.Errorf("failure %d: delay %v, want 0", n+1, d)
		}
	}
	if d := i.RecordFailure(29 * time.Second); d == 0 {
		t.Error("failure 6 within the window: no delay")
	}

	// Just far enough apart never to exceed the limit.
	i = cluster.NewIntensity(5, 30*time.Second, time.Second, time.Minute)
	for n := range 100 {
		if d := i.RecordFailure(time.Duration(n) * 6001 * time.Millisecond); d != 0 {
			t.Fatalf("failure %d, one in 6 s: delay %v, want 0", n+1, d)
		}
	}
}

func TestBackoffGrowsAndDecays(t *testing.T) {
	t.Parallel()
	const window, minBackoff, maxBackoff = 30 * time.Second, time.Second, 16 * time.Second
	i := cluster.NewIntensity(1, window, minBackoff, maxBackoff)
	now := time.Duration(0)
	i.RecordFailure(now)
	for n, full := range []time.Duration{1, 2, 4, 8, 16, 16, 16, 16, 16, 16} {
		d := i.RecordFailure(now)
		wantDelay(t, "failure past the limit", d, full*time.Second)
		if n > 0 && d == 0 {
			t.Fatalf("failure %d past the limit: no delay", n+1)
		}
	}
	// Each window without a failure undoes one doubling.
	now += window + 1
	i.RecordFailure(now)
	wantDelay(t, "after one good window", i.RecordFailure(now), 8*time.Second)
	now += 3*window + 1
	i.RecordFailure(now)
	wantDelay(t, "after three more", i.RecordFailure(now), 2*time.Second)
	now += 100 * window
	i.RecordFailure(now)
	wantDelay(t, "after very many", i.RecordFailure(now), minBackoff)
}

func TestBackoffHasJitter(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 100 {
		i := cluster.NewIntensity(1, time.Minute, time.Second, time.Minute)
		i.RecordFailure(0)
		seen[i.RecordFailure(0)] = true
	}
	if len(seen) < 90 {
		t.Errorf("%d different delays of 100 slots that failed together", len(seen))
	}
}

// TestBackoffStaysWithinBounds draws settings and times at random. The delay
// must be none or within its bounds, and few failures may be remembered.
func TestBackoffStaysWithinBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		restarts := rapid.IntRange(1, 10).Draw(t, "restarts")
		window := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "window"))
		minBackoff := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "minBackoff"))
		maxBackoff := minBackoff + time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "maxBackoff"))
		i := cluster.NewIntensity(restarts, window, minBackoff, maxBackoff)
		now := time.Duration(0)
		for n := range rapid.IntRange(1, 80).Draw(t, "failures") {
			if rapid.Bool().Draw(t, "pauses") {
				now += time.Duration(rapid.Int64Range(0, 2*int64(window)).Draw(t, "pause"))
			}
			d := i.RecordFailure(now)
			if d != 0 && (d < minBackoff/2 || d > maxBackoff) {
				t.Fatalf("failure %d: delay %v, want none or %v to %v", n+1, d, minBackoff/2, maxBackoff)
			}
			if n < restarts && d != 0 {
				t.Fatalf("failure %d of %d allowed: delay %v", n+1, restarts, d)
			}
			if i.Remembered() > restarts+1 {
				t.Fatalf("%d failures are remembered, want at most %d", i.Remembered(), restarts+1)
			}
		}
	})
}

// killFirstWorker is a handler that kills worker 1 if that serves the request
// to /kill. If another worker does, the response is 418.
func killFirstWorker(ctx *fasthttp.RequestCtx) {
	if string(ctx.Path()) == "/kill" {
		if cluster.WorkerOf(ctx) != 1 {
			ctx.SetStatusCode(http.StatusTeapot)
			return
		}
		_ = cluster.Kill(ctx)
	}
	answerOK(ctx)
}

// killFirstWorkerTimes kills worker 1 n times, each time after its restart.
func killFirstWorkerTimes(t *testing.T, r *testSupervisor, n int) {
	t.Helper()
	for i := range n {
		for mustGet(t, r.addr, "/kill").status != http.StatusOK {
		}
		waitForEvents[cluster.WorkerFailed](t, r.events, i+1)
	}
}

func TestSiblingAcceptsDuringBackoff(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: killFirstWorker, Workers: 2, Restart: cluster.Restart{MaxRestarts: 2, BackoffMin: time.Hour, BackoffMax: time.Hour},
	})
	l := startLoad(t, r.addr, "/", 2, 2)
	killFirstWorkerTimes(t, r, 3)
	e := waitForEvents[cluster.WorkerBackoff](t, r.events, 1)[0]
	wantDelay(t, "WorkerBackoff", e.Delay, time.Hour)
	if e.Worker != 1 || e.Failures != 3 {
		t.Errorf("WorkerBackoff: %+v, want worker 1 and 3 failures", e)
	}
	if a := waitForEvents[cluster.SocketAdopted](t, r.events, 1)[0]; a.Worker != 2 || a.Slot != 1 {
		t.Errorf("SocketAdopted: %+v, want socket 1 by worker 2", a)
	}
	for range 100 { // half of them hash to the socket of worker 1
		wantOK(t, &client{addr: r.addr, closeEach: true})
	}
	if n, err := r.Reload(); n != 1 || err != nil {
		t.Errorf("Reload() = %d, %v, want 1, without the slot in backoff", n, err)
	}
	for range 100 {
		wantOK(t, &client{addr: r.addr, closeEach: true})
	}
	w := r.status().Workers[0]
	if w.State != cluster.Backoff || w.RetryIn <= 0 || w.AdoptedBy != 2 || w.Restarts != 3 {
		t.Errorf("status of worker 1: %+v, want backoff, adopted by 2, 3 restarts", w)
	}
	if running, total := r.Workers(); running != 1 || total != 2 {
		t.Errorf("Workers() = %d, %d, want 1, 2", running, total)
	}
	l.stopAndCheck()
}

func TestWorkerRestartsAfterBackoff(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: killFirstWorker, Workers: 2, Restart: cluster.Restart{MaxRestarts: 1, BackoffMin: 20 * time.Millisecond},
	})
	l := startLoad(t, r.addr, "/", 2, 2)
	killFirstWorkerTimes(t, r, 2)
	waitForEvents[cluster.WorkerBackoff](t, r.events, 1)
	waitForEvents[cluster.WorkerStarted](t, r.events, 4) // two at the start, one at once, one after the backoff
	w := r.status().Workers[0]
	if w.State != cluster.Running || w.Generation != 3 || w.AdoptedBy != 0 || w.RetryIn != 0 {
		t.Errorf("status of worker 1: %+v, want running in generation 3", w)
	}
	l.waitForMore(100)
	l.stopAndCheck()
}

func TestBackoffOfEverySlotGivesUp(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: faultHandler(nil), Workers: 2, Restart: cluster.Restart{MaxRestarts: 1, BackoffMin: time.Hour, BackoffMax: time.Hour},
	})
	kills := 0
	for ; len(eventsOf[cluster.GaveUp](r.events)) == 0; kills++ {
		c := &client{addr: r.addr, closeEach: true}
		if a, err := c.get("/kill"); err != nil && !connectionRefused(err) || err == nil && a.status != http.StatusOK {
			t.Fatalf("kill %d: %+v, %v, want 200, or connection refused in the end", kills+1, a, err)
		}
		if kills > 100 {
			t.Fatalf("still not given up; events: %s", r.events.summary())
		}
	}
	err := r.wait()
	if !errors.Is(err, cluster.ErrGaveUp) {
		t.Errorf("Run() = %v, want ErrGaveUp", err)
	}
	if running, _ := r.Workers(); running != 0 {
		t.Errorf("Workers() after giving up: %d running", running)
	}
}
