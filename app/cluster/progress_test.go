package cluster_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

func streamed(readTimeout time.Duration) func(*fasthttp.Server) {
	return func(s *fasthttp.Server) {
		s.StreamRequestBody, s.ReadTimeout, s.ReadBufferSize = true, readTimeout, 16<<10
	}
}

// echoSize answers with the size of the body.
func echoSize(ctx *fasthttp.RequestCtx) {
	n, err := io.Copy(io.Discard, ctx.RequestBodyStream())
	if err != nil {
		ctx.Error(err.Error(), http.StatusRequestTimeout)
		return
	}
	_, _ = fmt.Fprint(ctx, n)
}

// A handler that waits for its client is not stuck, however long that takes.
func TestSlowUploadIsNotStuck(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		Handler: echoSize, ConfigureServer: streamed(patience),
		Watchdog: cluster.Watchdog{StallAfter: 1100 * time.Millisecond, MaxAbandoned: 1},
	})
	c := &client{addr: r.addr}
	c.conn, c.br = dialWithReader(t, r.addr)
	const size = 8<<10 + 3
	_, _ = fmt.Fprintf(c.conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", size, make([]byte, 8<<10))
	if !r.outlives(3 * time.Second) {
		t.Fatal("Run ended during the upload")
	}
	_, _ = io.WriteString(c.conn, "end")
	if a, err := c.read(); err != nil || a.body != fmt.Sprint(size) {
		t.Errorf("response %+v, %v, want the size", a, err)
	}
	if n := len(eventsOf[cluster.WorkerAbandoned](r.events)); n > 0 {
		t.Errorf("%d generations were abandoned, want none", n)
	}
}

// A body that keeps arriving may take longer than the read timeout.
func TestReadTimeoutCountsProgress(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	r := start(t, cluster.Options{Handler: echoSize, ConfigureServer: streamed(timeout)})
	c := &client{addr: r.addr}
	c.conn, c.br = dialWithReader(t, r.addr)
	part := make([]byte, 8<<10)
	const parts = 16
	_, _ = fmt.Fprintf(c.conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", parts*len(part))
	pace := time.NewTicker(3 * timeout / parts)
	defer pace.Stop()
	for range parts {
		if _, err := c.conn.Write(part); err != nil {
			t.Fatal(err)
		}
		<-pace.C
	}
	if a, err := c.read(); err != nil || a.body != fmt.Sprint(parts*len(part)) {
		t.Errorf("response %+v, %v, want the size", a, err)
	}
}

// A head up to ReadBufferSize is served, however it arrives, and so are the requests
// after it.
func TestLargeHeads(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{
		ConfigureServer: streamed(patience),
		Handler: func(ctx *fasthttp.RequestCtx) {
			_, _ = fmt.Fprintf(ctx, "%d %d", len(ctx.Request.Header.Peek("Cookie")), len(ctx.Request.Body()))
		},
	})
	request := func(cookie, body int) string {
		return fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nCookie: %s\r\nContent-Length: %d\r\n\r\n%s",
			strings.Repeat("c", cookie), body, strings.Repeat("b", body))
	}
	for _, step := range []int{1 << 20, 4 << 10, 1000} {
		c := &client{addr: r.addr}
		c.conn, c.br = dialWithReader(t, r.addr)
		for _, size := range []struct{ cookie, body int }{{10, 0}, {10, 9000}, {4000, 0}, {4042, 0}, {4200, 0}, {15_000, 9000}, {10, 0}, {16_000, 1}} {
			text := request(size.cookie, size.body)
			for len(text) > 0 {
				n := min(step, len(text))
				if _, err := io.WriteString(c.conn, text[:n]); err != nil {
					t.Fatal(err)
				}
				text = text[n:]
			}
			a, err := c.read()
			if want := fmt.Sprintf("%d %d", size.cookie, size.body); err != nil || a.body != want {
				t.Fatalf("in steps of %d: response %+v, %v, want %q", step, a, err, want)
			}
		}
		if a, err := c.send(request(17_000, 0)); err != nil || a.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a head over the limit: %+v, %v, want 431", a, err)
		}
	}
}

// A client that still sends its body at a moderate rate reads the early response.
func TestLingeringCloseFollowsProgress(t *testing.T) {
	t.Parallel()
	const linger, parts = 500 * time.Millisecond, 20
	r := startWithoutWait(t, cluster.Options{
		ConfigureServer: streamed(patience),
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Error("too large", http.StatusRequestEntityTooLarge)
			ctx.SetConnectionClose()
		},
	}, func(s *cluster.Supervisor) { cluster.SetLingerTime(s, linger) })
	within(t, "start", r.Ready())
	conn, br := dialWithReader(t, r.addr)
	part := bytes.Repeat([]byte("x"), 64<<10)
	_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", 1<<30)
	pace := time.NewTicker(4 * linger / parts)
	defer pace.Stop()
	for i := range parts {
		if _, err := conn.Write(part); err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		<-pace.C
	}
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("response %v, %v, want 413", resp, err)
	}
}

// At shutdown an idle connection stays open while others send requests.
func TestShutdownKeepsIdleConnectionsWhileRequestsArrive(t *testing.T) {
	t.Parallel()
	const grace, others = 2 * time.Second, 12
	r := start(t, cluster.Options{Shutdown: cluster.Shutdown{IdleGrace: grace}})
	clients := make([]*client, others+1)
	for i := range clients {
		clients[i] = &client{addr: r.addr}
		if a, err := clients[i].get("/"); err != nil || a.status != http.StatusOK {
			t.Fatalf("response %+v, %v", a, err)
		}
	}
	var run sync.WaitGroup
	run.Go(func() { _ = r.stop() })
	eventually(t, "drain", r.Draining)
	pace := time.NewTicker(2 * grace / others)
	defer pace.Stop()
	for i, c := range clients { // the last one sends after twice the grace
		if a, err := c.get("/"); err != nil || !a.willClose {
			t.Fatalf("client %d: %+v, %v, want a last response", i, a, err)
		}
		<-pace.C
	}
	run.Wait()
}
