package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// TestShutdownLosesNoRequest shuts down under load. Clients get complete
// responses until their connection is refused or their SYN is dropped.
func TestShutdownLosesNoRequest(t *testing.T) {
	t.Parallel()
	for lane := range 4 {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			for range shortened(50) / 10 {
				shutDownWhileServing(t)
			}
		})
	}
}

func shutDownWhileServing(t *testing.T) {
	t.Helper()
	r := start(t, cluster.Options{
		Shutdown: cluster.Shutdown{HandshakeGrace: 200 * time.Millisecond, IdleGrace: patience},
		// on a slow machine a client may pause
	})
	gone, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	var wg sync.WaitGroup
	var served, keptAlive atomic.Int64
	for i := range 32 {
		c := &client{addr: r.addr, closeEach: i%2 == 0, ctx: gone}
		wg.Go(func() {
			defer c.close()
			for {
				a, err := c.get("/")
				switch {
				case connectionRefused(err) || c.conn == nil && errors.Is(err, context.Canceled):
					return
				case err != nil || a.status != http.StatusOK || a.body != "ok":
					t.Errorf("during shutdown: response %+v, error %v (kept-alive: %v, draining: %v)", a, err, !c.closeEach, r.Draining())
					return
				case a.willClose && !c.closeEach:
					keptAlive.Add(1)
				}
				served.Add(1)
			}
		})
	}
	eventually(t, "load", func() bool { return served.Load() > 300 })
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	giveUp()
	wg.Wait()
	if _, err := (&client{addr: r.addr}).get("/"); !connectionRefused(err) {
		t.Errorf("after the shutdown: %v, want connection refused", err)
	}
	for _, e := range eventsOf[cluster.ShutdownStep](r.events) {
		if e.Step == "requests finished" && e.Count > 0 {
			t.Errorf("%d connections were cut", e.Count)
		}
	}
}

func TestShutdownStepsComeInOrder(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{})
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	var steps []string
	for _, e := range eventsOf[cluster.ShutdownStep](r.events) {
		if e.Step != "websockets notified" { // is concurrent with the next step
			steps = append(steps, e.Step)
		}
	}
	want := []string{"drain announced", "sockets closed", "requests finished", "websockets closed", "goroutines ended"}
	if !slices.Equal(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
}

// slowHandler holds requests for /slow until release is closed, and sends on
// entered for each.
func slowHandler(entered chan<- struct{}, release <-chan struct{}) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/slow" {
			entered <- struct{}{}
			<-release
		}
		answerOK(ctx)
	}
}

func TestShutdownFinishesRequests(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, cluster.Options{Handler: slowHandler(entered, release)})
	answered := make(chan error)
	go func() {
		c := &client{addr: r.addr}
		defer c.close()
		a, err := c.get("/slow")
		if err == nil && !a.willClose {
			err = errors.New("no Connection: close")
		}
		answered <- checkStatus(a, err, http.StatusOK)
	}()
	within(t, "slow request", entered)
	r.cancel()
	waitForEvents[cluster.ShutdownStep](t, r.events, 2) // the sockets are closed
	if _, err := (&client{addr: r.addr}).get("/"); !connectionRefused(err) {
		t.Errorf("new connection after the sockets closed: %v, want refused", err)
	}
	close(release)
	if err := within(t, "response", answered); err != nil {
		t.Errorf("request in flight: %v, want 200", err)
	}
	if err := r.wait(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}

func TestShutdownDelayKeepsServing(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Shutdown: cluster.Shutdown{Delay: 5 * time.Second}})
	kept := &client{addr: r.addr}
	defer kept.close()
	wantOK(t, kept)
	r.cancel()
	eventually(t, "drain", r.Draining)
	for _, c := range []*client{kept, {addr: r.addr}} {
		if a, err := c.get("/"); err != nil || a.status != http.StatusOK || !a.willClose {
			t.Errorf("during the delay: %+v, %v, want 200 with Connection: close", a, err)
		}
	}
	if st := r.status(); !st.Draining || st.Workers[0].State != cluster.Stopping {
		t.Errorf("during the delay: %+v, want draining workers", st)
	}
}

func TestShutdownTimeoutCutsStuckRequests(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, cluster.Options{Handler: slowHandler(entered, release), Shutdown: cluster.Shutdown{Timeout: 50 * time.Millisecond}})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
	within(t, "stuck request", entered)
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if b, err := io.ReadAll(c); len(b) > 0 {
		t.Errorf("the stuck request received %q, %v, want EOF", b, err)
	}
	cut := map[string]int{}
	for _, e := range eventsOf[cluster.ShutdownStep](r.events) {
		cut[e.Step] = e.Count
	}
	if cut["requests finished"] != 1 || cut["goroutines ended"] != 1 {
		t.Errorf("counts of the steps: %v, want 1 request cut and 1 goroutine left", cut)
	}
	close(release)
}

func TestShutdownNeverResetsIdleConnections(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{})
	var idle []net.Conn
	for i := range 60 {
		c := dial(t, r.addr)
		if i%3 > 0 { // the others never send a request
			_, _ = io.WriteString(c, strings.Repeat("GET / HTTP/1.1\r\nHost: test\r\n\r\n", i%3))
			br := bufio.NewReader(c)
			for range i % 3 {
				if resp, err := http.ReadResponse(br, nil); err != nil {
					t.Fatalf("GET /: %v", err)
				} else if _, err := io.ReadAll(resp.Body); err != nil {
					t.Fatalf("GET /: %v", err)
				}
			}
		}
		idle = append(idle, c)
	}
	eventually(t, "connections accepted", func() bool { return r.status().Conns == len(idle) })
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	for i, c := range idle {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("idle connection %d ended with %d bytes, %v, want EOF", i, n, err)
		}
	}
}

// TestClosedSocketsRefuseEvenWhenDuplicated keeps duplicates of the sockets, as
// a forked process does until exec.
func TestClosedSocketsRefuseEvenWhenDuplicated(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 2})
	copies := cluster.DuplicateSockets(r.Supervisor)
	if len(copies) != 2 {
		t.Fatalf("%d duplicates of the sockets, want 2", len(copies))
	}
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if a, err := (&client{addr: r.addr}).get("/"); !connectionRefused(err) {
		t.Errorf("after the shutdown: %+v, %v, want connection refused", a, err)
	}
	for _, f := range copies {
		_ = f.Close()
	}
}

// TestWakeDoesNotInterruptArrivingRequest: a request may begin to arrive
// between the check that its connection is idle and the call of wakeReader.
func TestWakeDoesNotInterruptArrivingRequest(t *testing.T) {
	t.Parallel()
	active := make(chan struct{}, 1)
	r := start(t, cluster.Options{ConfigureServer: func(s *fasthttp.Server) {
		s.ConnState = func(_ net.Conn, state fasthttp.ConnState) {
			if state == fasthttp.StateActive {
				active <- struct{}{}
			}
		}
	}})
	c := &client{addr: r.addr}
	defer c.close()
	wantOK(t, c)
	<-active
	_, _ = io.WriteString(c.conn, "POST / HTTP/1.1\r\nHost: te")
	within(t, "first part of the request", active)
	cluster.WakeReaders(r.Supervisor)
	_, _ = io.WriteString(c.conn, "st\r\nContent-Length: 4\r\n\r\n")
	cluster.WakeReaders(r.Supervisor)
	_, _ = io.WriteString(c.conn, "body")
	if a, err := c.read(); err != nil || a.status != http.StatusOK {
		t.Errorf("request after the reader was woken: %+v, %v, want 200", a, err)
	}
}
