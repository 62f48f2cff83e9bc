package cluster_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// troubles is a handler with everything that a request may do to its worker.
func troubles(release <-chan struct{}) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/panic":
			panic("trouble")
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

// crowd is how many clients of each sort the tests under load have.
func crowd(_ testing.TB) int {
	if testing.Short() {
		return 8
	}
	return 32
}

// scaled gives n, or a tenth in a short run.
func scaled(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// TestTroubleUnderLoad is the promise of the package: whatever one request
// does to its worker, and whatever an operator does to the workers, no other
// request notices.
func TestTroubleUnderLoad(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		times   int
		options cluster.Options
		trouble func(t *testing.T, r *running, i int)
	}{
		"contained panics": {times: 1000, trouble: func(t *testing.T, r *running, _ int) {
			if a := mustGet(t, r.addr, "/panic"); a.status != http.StatusInternalServerError {
				t.Fatalf("GET /panic = %d, want 500", a.status)
			}
		}},
		"ended goroutines": {times: 300, trouble: func(t *testing.T, r *running, _ int) {
			if a := mustGet(t, r.addr, "/goexit"); a.status != http.StatusInternalServerError {
				t.Fatalf("GET /goexit = %d, want 500", a.status)
			}
		}},
		"killed workers": {times: 200, trouble: func(t *testing.T, r *running, _ int) {
			if a := mustGet(t, r.addr, "/kill"); a.status != http.StatusOK {
				t.Fatalf("GET /kill = %+v, want 200", a)
			}
		}},
		"reloads": {times: 50, trouble: func(t *testing.T, r *running, _ int) {
			if n, err := r.Reload(); n != 4 || err != nil {
				t.Fatalf("Reload() = %d, %v, want 4, nil", n, err)
			}
		}},
		"scaling": {times: 50, trouble: func(t *testing.T, r *running, i int) {
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
				Handler: troubles(nil), MinUptime: 2 * time.Millisecond,
				MaxRestarts: 1000, // kills are meant to restart at once here
			})
			l := startLoad(t, r.addr, "/", crowd(t)/4, crowd(t)/4)
			for i := range scaled(tt.times) {
				l.more(5)
				tt.trouble(t, r, i)
			}
			l.more(100)
			l.end()
			t.Logf("%d requests served; %s", l.served.Load(), r.events.summary())
		})
	}
}

// TestEverythingAtOnceUnderLoad mixes all troubles with requests that stall.
func TestEverythingAtOnceUnderLoad(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := start(t, cluster.Options{
		Handler: troubles(release), MinUptime: time.Millisecond, MaxRestarts: 1000,
		StallAfter: 200 * time.Millisecond, AbandonLimit: 1000,
	})
	l := startLoad(t, r.addr, "/", crowd(t), crowd(t))
	stalled := make(chan error)
	stalls := 0
	for i := range scaled(200) {
		l.more(20)
		switch i % 8 {
		case 0:
			stalls++
			go func() { stalled <- wantStall(r.addr) }()
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
	r.events.wait(t, cluster.WorkerAbandoned, 1)
	l.more(100)
	close(release)
	for range stalls {
		if err := within(t, "answer to a stalled request", stalled); err != nil {
			t.Errorf("a stalled request: %v", err)
		}
	}
	l.more(100)
	l.end()
	eventually(t, "end of the abandoned generations", func() bool {
		st := r.status()
		return st.Abandoned == 0 && st.Leftover == 0 && st.Conns == 0
	})
	t.Logf("%d requests served; %s", l.served.Load(), r.events.summary())
}

// wantStall is a client whose request is answered late, but well.
func wantStall(addr string) error {
	c := &client{addr: addr, hasty: true, patient: true} // it stalls until all the others have had their turn
	defer c.close()
	a, err := c.get("/stall")
	return wanted(a, err, http.StatusOK)
}
