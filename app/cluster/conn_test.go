package cluster_test

import (
	"net"
	"os"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// TestConnectionClosedByHandlerIsReleasedOnce includes handlers that hijack the
// connection or panic after closing it.
func TestConnectionClosedByHandlerIsReleasedOnce(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Restart: cluster.Restart{MinUptime: time.Millisecond}, Handler: func(ctx *fasthttp.RequestCtx) {
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
	eventually(t, "release of the connections", func() bool {
		st := r.status()
		conns := 0
		for _, w := range st.Workers {
			conns += w.Conns
		}
		return st.Conns == 1 && conns == 1 && st.Sessions == 0
	})
	_ = held.Close()
	eventually(t, "end of the draining generations", func() bool {
		st := r.status()
		return st.Conns == 0 && st.DrainingGenerations == 0
	})
}

// TestWriteAfterCloseNeverReachesAnotherConnection checks that a response
// written after the handler has closed the connection does not reach the next
// client, whose connection has the same descriptor. The test is not parallel,
// so that the descriptor is the same.
func TestWriteAfterCloseNeverReachesAnotherConnection(t *testing.T) {
	closed, release := make(chan int), make(chan struct{})
	next := make(chan int, 2)
	fillDescriptorGaps(t)
	lower, err := os.Open(os.DevNull) // its descriptor goes to the client's end of the next connection
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
		t.Fatalf("the next connection has descriptor %d, the closed one had %d: the test proves nothing", got, fd)
	}
	close(release)
	if err := within(t, "end of the closed connection", over); err == nil {
		t.Error("a closed connection received a response")
	}
	eventually(t, "release of the connections", func() bool { return r.status().Workers[0].InFlight == 0 })
	wantOK(t, victim)
}

// fillDescriptorGaps opens files until the process has no unused descriptor
// below its highest one.
func fillDescriptorGaps(t *testing.T) {
	t.Helper()
	for highest := 0; highest < 64; {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		highest = int(f.Fd())
	}
}

// TestRequestsAreCountedOnce counts requests over all generations, however they
// ended.
func TestRequestsAreCountedOnce(t *testing.T) {
	t.Parallel()
	other := faultHandler(nil)
	r := start(t, cluster.Options{Restart: cluster.Restart{MinUptime: time.Millisecond, MaxRestarts: 1000}, Handler: func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/ws" {
			echoHandler(ctx)
			return
		}
		other(ctx)
	}})
	kept := &client{addr: r.addr}
	defer kept.close()
	sent := uint64(0)
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
		sent += 5
	}
	kept.close()
	eventually(t, "end of the draining generations", func() bool { return r.status().DrainingGenerations == 0 })
	st := r.status()
	var counted, panics, restarts uint64
	for _, w := range st.Workers {
		counted, panics, restarts = counted+w.Requests, panics+w.Panics, restarts+w.Restarts
	}
	if counted != sent || panics != 20 || st.Sessions != 10 {
		t.Errorf("%d requests, %d panics, %d sessions; want %d, 20, 10", counted, panics, st.Sessions, sent)
	}
	if failed := eventsOf[cluster.WorkerFailed](r.events); restarts != uint64(len(failed)) {
		t.Errorf("%d restarts, %d workers failed", restarts, len(failed))
	}
}
