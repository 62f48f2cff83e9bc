package cluster_test

import (
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// TestHooksMayPanic: what a program hands in is guarded, too.
func TestPanicsInCallbacksAreContained(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: faultHandler(nil), MinUptime: time.Millisecond,
		Observe: func(cluster.Event) { panicOnPurpose() },
		Failed:  func(*fasthttp.RequestCtx) { panicOnPurpose() },
	})
	for range 5 {
		if a := mustGet(t, r.addr, "/panic"); a.status != http.StatusInternalServerError || a.body != "Internal Server Error\n" {
			t.Errorf("GET /panic = %+v, want the plain 500", a)
		}
	}
	eventually(t, "failed worker", func() bool { // a recycle under way may be faster than the kill
		mustGet(t, r.addr, "/kill")
		return len(r.events.all(cluster.WorkerFailed)) > 0
	})
	wantOK(t, &client{addr: r.addr, closeEach: true})
}

func TestFailedWritesTheResponse(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: faultHandler(nil),
		Failed: func(ctx *fasthttp.RequestCtx) {
			ctx.Error(`{"status":500}`, http.StatusInternalServerError)
			ctx.SetContentType("application/problem+json")
		},
	})
	for _, path := range []string{"/panic", "/goexit"} {
		if a := mustGet(t, r.addr, path); a.status != http.StatusInternalServerError || a.body != `{"status":500}` {
			t.Errorf("GET %s = %+v, want the program's own answer", path, a)
		}
	}
}

// TestServerSettingsCanNotUndoGuards: fasthttp wraps connections when it
// counts them per address, which would hide them from the guards.
func TestServerSettingsCannotDisableGuards(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: func(ctx *fasthttp.RequestCtx) { cluster.Hijack(ctx, func(net.Conn) {}) },
		Server: func(s *fasthttp.Server) {
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
		t.Error("a worker's server hides its connections from the guards")
	}
}

// TestHandlerMayCloseItsConnection: it is counted out once, also when it is
// hijacked or panics afterwards.
func TestConnectionClosedByHandlerIsReleasedOnce(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{MinUptime: time.Millisecond, Handler: func(ctx *fasthttp.RequestCtx) {
		_ = ctx.Conn().Close()
		switch string(ctx.Path()) {
		case "/hijack":
			cluster.Hijack(ctx, func(net.Conn) {})
		case "/panic":
			panicOnPurpose()
		}
	}})
	for _, path := range []string{"/", "/hijack", "/panic"} {
		for range 3 {
			c := &client{addr: r.addr}
			if a, err := c.get(path); err == nil {
				t.Errorf("GET %s on a connection that its handler closed: %+v", path, a)
			}
			c.close()
		}
	}
	held := dial(t, r.addr)
	eventually(t, "connections counted out", func() bool {
		st := r.status()
		conns := 0
		for _, w := range st.Workers {
			conns += w.Conns
		}
		return st.Conns == 1 && conns == 1 && st.Sessions == 0
	})
	_ = held.Close()
	eventually(t, "end of the old generations", func() bool {
		st := r.status()
		return st.Conns == 0 && st.DrainingGenerations == 0
	})
}

// TestClosedConnectionIsNobodyElses: what is written to a connection that its
// handler has closed goes nowhere, although the next client has its descriptor
// now. It doesn't run in parallel, so that the next client gets that one.
func TestWriteAfterCloseNeverReachesAnotherConnection(t *testing.T) {
	closed, release := make(chan int), make(chan struct{})
	next := make(chan int, 2)
	lower, err := os.Open(os.DevNull) // the victim's own end of its connection will have this one
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, cluster.Options{Workers: 1, Handler: func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/close" {
			fd := cluster.Descriptor(ctx)
			_ = ctx.Conn().Close()
			closed <- fd
			<-release
			ctx.SetBodyString("secret")
			return
		}
		next <- cluster.Descriptor(ctx)
		answerOK(ctx)
	}})
	victim := &client{addr: r.addr}
	defer victim.close()
	over := make(chan error)
	go func() {
		c := &client{addr: r.addr, closeEach: true}
		defer c.close()
		_, err := c.get("/close")
		over <- err
	}()
	fd := within(t, "closed connection", closed)
	_ = lower.Close()
	wantOK(t, victim)
	if got := within(t, "next connection", next); got != fd {
		t.Fatalf("the next connection has descriptor %d, the closed one had %d: the test shows nothing", got, fd)
	}
	close(release)
	if err := within(t, "end of the closed connection", over); err == nil {
		t.Error("a connection that was closed got a response")
	}
	eventually(t, "connections counted out", func() bool { return r.status().Workers[0].InFlight == 0 })
	wantOK(t, victim)
}

// TestRequestsAreCountedOnce: over all generations, whatever became of them.
func TestRequestsAreCountedOnce(t *testing.T) {
	t.Parallel()
	other := faultHandler(nil)
	r := start(t, cluster.Options{MinUptime: time.Millisecond, MaxRestarts: 1000, Handler: func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/ws" {
			echoHandler(ctx)
			return
		}
		other(ctx)
	}})
	kept := &client{addr: r.addr}
	defer kept.close()
	asked := uint64(0)
	for i := range 10 {
		wantOK(t, kept)
		mustGet(t, r.addr, "/panic")
		mustGet(t, r.addr, "/goexit")
		mustGet(t, r.addr, "/kill")
		dialWebSocket(t, r.addr)
		if i%3 == 0 {
			if _, err := r.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		asked += 5
	}
	kept.close()
	eventually(t, "end of the old generations", func() bool { return r.status().DrainingGenerations == 0 })
	st := r.status()
	var counted, panics, restarts uint64
	for _, w := range st.Workers {
		counted, panics, restarts = counted+w.Requests, panics+w.Panics, restarts+w.Restarts
	}
	if counted != asked || panics != 20 || st.Sessions != 10 {
		t.Errorf("%d requests, %d panics, %d sessions; want %d, 20, 10", counted, panics, st.Sessions, asked)
	}
	if failed := r.events.all(cluster.WorkerFailed); restarts != uint64(len(failed)) {
		t.Errorf("%d restarts, %d workers failed", restarts, len(failed))
	}
}
