package cluster_test

import (
	"net"
	"net/http"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

func TestPanicsInCallbacksAreContained(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: faultHandler(nil), Restart: cluster.Restart{MinUptime: time.Millisecond},
		Observe:      func(cluster.Event) { panicOnPurpose() },
		PanicHandler: func(*fasthttp.RequestCtx) { panicOnPurpose() },
	})
	for range 5 {
		if a := mustGet(t, r.addr, "/panic"); a.status != http.StatusInternalServerError || a.body != "Internal Server Error\n" {
			t.Errorf("GET /panic = %+v, want the plain 500", a)
		}
	}
	eventually(t, "failed worker", func() bool { // a concurrent recycle may replace the worker first
		mustGet(t, r.addr, "/kill")
		return len(eventsOf[cluster.WorkerFailed](r.events)) > 0
	})
	wantOK(t, &client{addr: r.addr, closeEach: true})
}

func TestFailedWritesTheResponse(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: faultHandler(nil),
		PanicHandler: func(ctx *fasthttp.RequestCtx) {
			ctx.Error(`{"status":500}`, http.StatusInternalServerError)
			ctx.SetContentType("application/problem+json")
		},
	})
	for _, path := range []string{"/panic", "/goexit"} {
		if a := mustGet(t, r.addr, path); a.status != http.StatusInternalServerError || a.body != `{"status":500}` {
			t.Errorf("GET %s = %+v, want the response of PanicHandler", path, a)
		}
	}
}

// TestServerSettingsCannotDisableGuards includes MaxConnsPerIP, which makes
// fasthttp wrap connections so that the guards would not find them.
func TestServerSettingsCannotDisableGuards(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: func(ctx *fasthttp.RequestCtx) { cluster.Hijack(ctx, func(net.Conn) {}) },
		ConfigureServer: func(s *fasthttp.Server) {
			s.MaxConnsPerIP, s.Concurrency, s.KeepHijackedConns = 100, 1, false
			s.Handler = func(ctx *fasthttp.RequestCtx) { ctx.Error("not this one", http.StatusTeapot) }
		},
	})
	held := []net.Conn{dial(t, r.addr), dial(t, r.addr)}
	if err := wantHijackedEnd(r.addr); err != nil {
		t.Errorf("hijack: %v", err)
	}
	eventually(t, "end of the session", func() bool { return r.status().Conns == len(held) })
	if !cluster.ServersKeepConns(r.Supervisor) {
		t.Error("a worker's server wraps or reuses connections")
	}
}
