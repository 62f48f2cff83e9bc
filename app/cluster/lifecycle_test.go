package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// supervisorCalls are the calls that need a running supervisor.
var supervisorCalls = map[string]func(*cluster.Supervisor) error{
	"Status": func(s *cluster.Supervisor) error { _, err := s.Status(); return err },
	"Reload": func(s *cluster.Supervisor) error { _, err := s.Reload(); return err },
	"Resize": func(s *cluster.Supervisor) error { return s.Resize() },
	"Scale":  func(s *cluster.Supervisor) error { _, _, err := s.Scale(2); return err },
}

// wantCallErrors makes all supervisorCalls and wants each to return the error.
func wantCallErrors(t *testing.T, when string, s *cluster.Supervisor, want error) {
	t.Helper()
	for name, call := range supervisorCalls {
		got := make(chan error, 1)
		go func() { got <- call(s) }()
		if err := within(t, name+" "+when, got); !errors.Is(err, want) {
			t.Errorf("%s %s = %v, want %v", name, when, err, want)
		}
	}
}

func TestCallsBeforeDuringAndAfterRun(t *testing.T) {
	t.Parallel()
	s, err := cluster.New(cluster.Options{Handler: answerOK, Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Addr() != nil {
		t.Errorf("Addr() before Listen = %v, want nil", s.Addr())
	}
	wantCallErrors(t, "before Listen", s, cluster.ErrStopped)
	for range 2 {
		if err := s.Listen(context.Background()); err != nil {
			t.Fatalf("Listen: %v", err)
		}
	}
	wantCallErrors(t, "before Run", s, cluster.ErrStopped)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	within(t, "start", s.Ready())
	wantCallErrors(t, "during Run", s, nil)
	if err := s.Run(ctx); !errors.Is(err, cluster.ErrStopped) {
		t.Errorf("second Run during the first = %v, want ErrStopped", err)
	}
	cancel()
	if err := within(t, "end of Run", ended); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	wantCallErrors(t, "after Run", s, cluster.ErrStopped)
	if err := s.Run(context.Background()); !errors.Is(err, cluster.ErrStopped) {
		t.Errorf("Run after Run = %v, want ErrStopped", err)
	}
	if running, _ := s.Workers(); running != 0 || !s.Draining() {
		t.Errorf("after Run: %d workers, draining %v, want none and true", running, s.Draining())
	}
}

func TestRunWithEndedContextServesQueuedConnections(t *testing.T) {
	t.Parallel()
	s, err := cluster.New(cluster.Options{Handler: answerOK, Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: 1, IdleGrace: patience}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(context.Background()); err != nil {
		t.Fatal(err)
	}
	c := &client{addr: s.Addr().String()}
	defer c.close()
	c.conn, c.br = dialWithReader(t, c.addr)
	_, _ = io.WriteString(c.conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if a, err := c.read(); err != nil || a.body != "ok" || !a.willClose {
		t.Errorf("client that connected before Run: %+v, %v, want ok with Connection: close", a, err)
	}
	if err := within(t, "end of Run", ended); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if _, err := (&client{addr: s.Addr().String()}).get("/"); !connectionRefused(err) {
		t.Errorf("after Run: %v, want connection refused", err)
	}
}

func TestConcurrentCallsDuringStartAndStopReturn(t *testing.T) {
	t.Parallel()
	for range shortened(20) {
		r := startWithoutWait(t, cluster.Options{Shutdown: cluster.Shutdown{HandshakeGrace: time.Millisecond}})
		var wg sync.WaitGroup
		for name, call := range supervisorCalls {
			wg.Go(func() {
				for {
					if err := call(r.Supervisor); err != nil && !errors.Is(err, cluster.ErrStopped) {
						t.Errorf("%s: %v", name, err)
					}
					select {
					case <-r.ended:
						return
					default:
					}
				}
			})
		}
		within(t, "start", r.Ready())
		if err := r.stop(); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		wg.Wait()
	}
}

func TestHandlerMayCallSupervisor(t *testing.T) {
	t.Parallel()
	var r *testSupervisor
	set := make(chan struct{})
	r = start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		<-set
		if err := supervisorCalls[string(ctx.Path())[1:]](r.Supervisor); err != nil {
			ctx.Error(err.Error(), http.StatusInternalServerError)
		}
	}})
	close(set)
	for name := range supervisorCalls {
		if a := mustGet(t, r.addr, "/"+name); a.status != http.StatusOK {
			t.Errorf("%s in a handler: %+v, want 200", name, a)
		}
	}
}

func TestSupervisorsAreIndependent(t *testing.T) {
	t.Parallel()
	one := start(t, cluster.Options{Handler: faultHandler(nil)})
	two := start(t, cluster.Options{Handler: faultHandler(nil)})
	l := startLoad(t, two.addr, "/", 2, 2)
	mustGet(t, one.addr, "/panic")
	mustGet(t, one.addr, "/kill")
	if err := one.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	l.waitForMore(50)
	l.stopAndCheck()
	if n := len(eventsOf[cluster.PanicContained](two.events)) + len(eventsOf[cluster.WorkerFailed](two.events)); n > 0 {
		t.Errorf("the other supervisor reports %s", two.events.summary())
	}
}

// TestHandlerWorksWithoutSupervisor checks that a handler which uses this
// package can be tested on plain fasthttp.
func TestHandlerWorksWithoutSupervisor(t *testing.T) {
	t.Parallel()
	helped := make(chan struct{})
	server := &fasthttp.Server{Handler: cluster.Guard(func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Path()) {
		case "/stream":
			cluster.StreamBody(ctx, func(w *bufio.Writer) error { _, err := w.WriteString("ok"); return err })
		case "/hijack":
			cluster.Hijack(ctx, func(net.Conn) {})
		case "/upgrade":
			if cluster.Upgrade(ctx, &upgrader, func(*websocket.Conn) {}) == nil {
				t.Error("Upgrade without a supervisor: no error")
			}
		case "/go":
			cluster.Go(ctx, func() { close(helped) })
			if cluster.OverLimit(ctx) != "" || cluster.Peer(ctx).IsValid() || cluster.Kill(ctx) == nil {
				t.Error("OverLimit, Peer or Kill without a supervisor: want none, none and an error")
			}
			answerOK(ctx)
		}
	})}
	for _, path := range []string{"/stream", "/hijack", "/upgrade", "/go"} {
		near, far := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { _ = server.ServeConn(far) })
		c := &client{conn: near, br: bufio.NewReader(near), closeEach: true}
		if a, err := c.get(path); a.status != http.StatusOK {
			t.Errorf("GET %s: %+v, %v, want 200", path, a, err)
		}
		c.close()
		wg.Wait()
	}
	within(t, "helper", helped)
}

// TestWorkersAreCountedBeforeTheyAccept checks that Workers counts the worker
// that accepts a connection. Otherwise a readiness probe that it serves could
// fail.
func TestWorkersAreCountedBeforeTheyAccept(t *testing.T) {
	t.Parallel()
	for range shortened(50) {
		counted := make(chan int, 1)
		var sup atomic.Pointer[cluster.Supervisor]
		var queued net.Conn
		r := startWithoutWait(t, cluster.Options{Workers: 2, Limits: cluster.Limits{Exempt: func(netip.Addr) bool {
			running, _ := sup.Load().Workers() // called by the accept loop
			counted <- running
			return false
		}}}, func(s *cluster.Supervisor) {
			sup.Store(s)
			queued = dial(t, s.Addr().String()) // accepted as soon as the worker starts
		})
		if n := within(t, "accepted connection", counted); n == 0 {
			t.Error("Workers() counts no running worker while one accepts a connection")
		}
		_ = queued.Close()
		_ = r.stop()
	}
}
