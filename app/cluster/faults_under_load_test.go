package cluster_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// faultHandler lets a request cause every kind of fault.
func faultHandler(release <-chan struct{}) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/panic":
			panicOnPurpose()
		case "/goexit":
			runtime.Goexit()
		case "/kill":
			if err := cluster.Kill(ctx); err != nil {
				ctx.Error(err.Error(), fasthttp.StatusInternalServerError)
				return
			}
		case "/stall":
			<-release
		}
		ctx.SetBodyString("ok")
	}
}

// clientsPerKind is the number of clients of each kind in tests under load.
func clientsPerKind(_ testing.TB) int {
	if testing.Short() {
		return 8
	}
	return 32
}

// shortened returns n, or a tenth of it in a short run.
func shortened(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// TestFaultsLoseNoOtherRequest checks the main promise of the package: no fault
// of a request and no action of an operator affects another request.
func TestFaultsLoseNoOtherRequest(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		times   int
		options cluster.Options
		fault   func(t *testing.T, r *testSupervisor, i int)
	}{
		"contained panics": {times: 1000, fault: func(t *testing.T, r *testSupervisor, _ int) {
			if a := mustGet(t, r.addr, "/panic"); a.status != http.StatusInternalServerError {
				t.Fatalf("GET /panic = %d, want 500", a.status)
			}
		}},
		"ended goroutines": {times: 300, fault: func(t *testing.T, r *testSupervisor, _ int) {
			if a := mustGet(t, r.addr, "/goexit"); a.status != http.StatusInternalServerError {
				t.Fatalf("GET /goexit = %d, want 500", a.status)
			}
		}},
		"killed workers": {times: 200, fault: func(t *testing.T, r *testSupervisor, _ int) {
			if a := mustGet(t, r.addr, "/kill"); a.status != http.StatusOK {
				t.Fatalf("GET /kill = %+v, want 200", a)
			}
		}},
		"reloads": {times: 50, fault: func(t *testing.T, r *testSupervisor, _ int) {
			if n, err := r.Reload(); n != 4 || err != nil {
				t.Fatalf("Reload() = %d, %v, want 4, nil", n, err)
			}
		}},
		"scaling": {times: 50, fault: func(t *testing.T, r *testSupervisor, i int) {
			want := []int{1, 4, 2, 3}[i%4]
			if n, _, err := r.Scale(want); n != want || err != nil {
				t.Fatalf("Scale(%d) = %d, %v, want %d, nil", want, n, err, want)
			}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, cluster.Options{
				Handler: faultHandler(nil), Restart: cluster.Restart{MinUptime: 2 * time.Millisecond, MaxRestarts: 1000},
				// kills are meant to restart at once here
			})
			l := startLoad(t, r.addr, "/", clientsPerKind(t)/4, clientsPerKind(t)/4)
			for i := range shortened(tt.times) {
				l.waitForMore(5)
				tt.fault(t, r, i)
			}
			l.waitForMore(100)
			l.stopAndCheck()
			t.Logf("%d requests served; %s", l.served.Load(), r.events.summary())
		})
	}
}

// TestSimultaneousFaultsLoseNoOtherRequest mixes all faults and actions with
// requests that stall.
func TestSimultaneousFaultsLoseNoOtherRequest(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := start(t, cluster.Options{
		Handler: faultHandler(release), Restart: cluster.Restart{MinUptime: time.Millisecond, MaxRestarts: 1000},
		Watchdog: cluster.Watchdog{StallAfter: 200 * time.Millisecond, MaxAbandoned: 1000},
	})
	l := startLoad(t, r.addr, "/", clientsPerKind(t), clientsPerKind(t))
	stalled := make(chan error)
	stalls := 0
	for i := range shortened(200) {
		l.waitForMore(20)
		switch i % 8 {
		case 0:
			stalls++
			go func() { stalled <- wantStalledResponse(r.addr) }()
		case 1, 2:
			mustGet(t, r.addr, "/panic")
		case 3:
			mustGet(t, r.addr, "/goexit")
		case 4, 5:
			mustGet(t, r.addr, "/kill")
		case 6:
			if _, err := r.Reload(); err != nil {
				t.Fatalf("Reload() = %v", err)
			}
		case 7:
			if _, _, err := r.Scale(1 + i/8%4); err != nil {
				t.Fatalf("Scale() = %v", err)
			}
		}
	}
	waitForEvents[cluster.WorkerAbandoned](t, r.events, 1)
	l.waitForMore(100)
	close(release)
	for range stalls {
		if err := within(t, "response to a stalled request", stalled); err != nil {
			t.Errorf("a stalled request: %v", err)
		}
	}
	l.waitForMore(100)
	l.stopAndCheck()
	eventually(t, "end of the abandoned generations", func() bool {
		st := r.status()
		return st.AbandonedGenerations == 0 && st.DrainingGenerations == 0 && st.Conns == 0
	})
	t.Logf("%d requests served; %s", l.served.Load(), r.events.summary())
}

// wantStalledResponse is a client whose request stalls and is answered in the
// end.
func wantStalledResponse(addr string) error {
	c := &client{addr: addr, closeEach: true, noDeadline: true} // it stalls until the others are done
	defer c.close()
	a, err := c.get("/stall")
	return checkStatus(a, err, http.StatusOK)
}
