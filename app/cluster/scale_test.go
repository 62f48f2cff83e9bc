package cluster_test

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

func TestNegativeWorkersAreRefused(t *testing.T) {
	t.Parallel()
	_, err := cluster.New(cluster.Options{Handler: answerOK, Workers: -1})
	if err == nil || !strings.Contains(err.Error(), "workers") || !strings.Contains(err.Error(), "-1") {
		t.Errorf("New with -1 workers = %v, want an error that names workers and -1", err)
	}
	r := start(t, cluster.Options{Workers: 2})
	if n, _, err := r.Scale(-1); err == nil || errors.Is(err, cluster.ErrStopped) {
		t.Errorf("Scale(-1) = %d, %v, want an error", n, err)
	}
	if st := r.status(); st.Wanted != 2 {
		t.Errorf("after Scale(-1): %d workers, want 2", st.Wanted)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := cluster.New(cluster.Options{Workers: -3, Port: 70000})
	for _, want := range []string{"handler", "-3", "70000"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New with three mistakes = %v, want an error that mentions %q", err, want)
		}
	}
}

func TestWorkersAreCapped(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 64})
	if e := waitForEvents[cluster.WorkersCapped](t, r.events, 1)[0]; e.Requested != 64 || e.Allowed != 4 {
		t.Errorf("WorkersCapped: %+v, want 64 requested and 4 allowed", e)
	}
	if running, total := r.Workers(); running != 4 || total != 4 {
		t.Errorf("Workers() = %d, %d, want 4, 4", running, total)
	}
	if n, capped, err := r.Scale(3); n != 3 || capped || err != nil {
		t.Errorf("Scale(3) = %d, %v, %v, want 3, false, nil", n, capped, err)
	}
	if n, capped, err := r.Scale(5); n != 4 || !capped || err != nil {
		t.Errorf("Scale(5) = %d, %v, %v, want 4, true, nil", n, capped, err)
	}
	if e := waitForEvents[cluster.WorkersScaled](t, r.events, 2)[1]; e.Workers != 4 {
		t.Errorf("WorkersScaled: %+v, want 4", e)
	}
}

// TestScaleKeepsSockets checks that fewer workers accept on all sockets, and
// that no socket is closed or opened needlessly.
func TestScaleKeepsSockets(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 4, Handler: func(ctx *fasthttp.RequestCtx) {
		fmt.Fprint(ctx, cluster.WorkerOf(ctx))
	}})
	for _, n := range []int{1, 3, 4, 2, 4} {
		if now, _, err := r.Scale(n); now != n || err != nil {
			t.Fatalf("Scale(%d) = %d, %v", n, now, err)
		}
		seen := map[string]bool{}
		for range 100 {
			seen[mustGet(t, r.addr, "/").body] = true
		}
		if len(seen) != n {
			t.Errorf("with %d workers, requests were served by %v", n, seen)
		}
		if sockets := cluster.SocketCount(r.Supervisor); sockets != 4 {
			t.Errorf("with %d workers there are %d sockets, want 4", n, sockets)
		}
	}
	waitForEvents[cluster.WorkersScaled](t, r.events, 5)
	if n := len(eventsOf[cluster.WorkerStopped](r.events)); n != 5 {
		t.Errorf("%d WorkerStopped events, want 5", n)
	}
}

// TestScaleDownToSlotInBackoffRestartsIt checks that scaling down to a slot in
// backoff does not give up.
func TestScaleDownToSlotInBackoffRestartsIt(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: killFirstWorker, Workers: 2, Restart: cluster.Restart{MaxRestarts: 1, BackoffMin: time.Hour, BackoffMax: time.Hour},
	})
	killFirstWorkerTimes(t, r, 2)
	waitForEvents[cluster.WorkerBackoff](t, r.events, 1)
	if n, _, err := r.Scale(1); n != 1 || err != nil {
		t.Fatalf("Scale(1) = %d, %v, want 1, nil", n, err)
	}
	for range 20 {
		wantOK(t, &client{addr: r.addr, closeEach: true})
	}
	if gave := eventsOf[cluster.GaveUp](r.events); len(gave) > 0 {
		t.Errorf("scaling down to a slot in backoff gave up: %v", gave[0].Err)
	}
}

// TestScaleDuringShutdownStartsNoWorker scales while the sockets are still open
// because an accept loop hangs.
func TestScaleDuringShutdownStartsNoWorker(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, cluster.Options{Workers: 1, Limits: cluster.Limits{Exempt: stallAcceptLoop(entered, release)}, Shutdown: cluster.Shutdown{Timeout: 10 * time.Millisecond}})
	dialFromStallAddr(t, r.addr)
	within(t, "stall of an accept loop", entered)
	r.cancel()
	eventually(t, "drain", r.Draining)
	for n, err := 4, error(nil); err == nil; n = 5 - n { // until Scale fails
		if _, _, err = r.Scale(n); err != nil && !errors.Is(err, cluster.ErrStopped) {
			t.Fatalf("Scale during shutdown = %v, want ErrStopped", err)
		}
	}
	if err := r.wait(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	close(release)
	if a, err := (&client{addr: r.addr}).get("/"); !connectionRefused(err) {
		t.Errorf("after Run: %+v, %v, want connection refused", a, err)
	}
}

// gomaxprocsSubprocess sets GOMAXPROCS as its parent says.
func gomaxprocsSubprocess(args []string) int {
	workers, _ := strconv.Atoi(args[0])
	o := cluster.Options{Handler: answerOK, Workers: workers}
	return runInSubprocess(o, func(s *cluster.Supervisor, line string) {
		n, _ := strconv.Atoi(line)
		runtime.GOMAXPROCS(n)
		err := s.Resize()
		running, total := s.Workers()
		fmt.Println("workers", running, total, err)
	})
}

// TestWorkersFollowGOMAXPROCS checks that a requested number of workers is only
// lowered to GOMAXPROCS, and that otherwise the number equals it.
func TestWorkersFollowGOMAXPROCS(t *testing.T) {
	t.Parallel()
	for requested, want := range map[int]map[int]int{
		0: {1: 1, 2: 2, 3: 3, 4: 4},
		2: {1: 1, 2: 2, 3: 2, 4: 2},
	} {
		t.Run(fmt.Sprint(requested, " requested"), func(t *testing.T) {
			t.Parallel()
			c := startSubprocess(t, fmt.Sprint("gomaxprocs ", requested))
			l := startLoad(t, c.addr, "/", 2, 2)
			for _, procs := range []int{4, 1, 3, 2, 4, 1} {
				l.waitForMore(20)
				c.send(fmt.Sprint(procs))
				line := within(t, "resize", c.lines)
				if n := want[procs]; line != fmt.Sprintf("workers %d %d <nil>", n, n) {
					t.Errorf("GOMAXPROCS %d: %s, want %d", procs, line, n)
				}
			}
			l.waitForMore(20)
			l.stopAndCheck()
			c.stop()
		})
	}
}
