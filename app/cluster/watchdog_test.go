package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
)

// stallAfter is short for a test, but long enough for a busy machine, where a
// goroutine may not run for a while.
const stallAfter = 2 * time.Second

func TestStuckRequestAbandonsItsGeneration(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, cluster.Options{
		Handler: slowHandler(entered, release), Workers: 2,
		Watchdog: cluster.Watchdog{StallAfter: stallAfter, MaxAbandoned: 100}, Restart: cluster.Restart{MaxRestarts: 100},
	})
	l := startLoad(t, r.addr, "/", 2, 2)
	stuck := make(chan error)
	go func() {
		c := &client{addr: r.addr}
		a, err := c.get("/slow")
		if err == nil && !a.willClose {
			err = errors.New("no Connection: close")
		}
		stuck <- checkStatus(a, err, http.StatusOK)
	}()
	within(t, "stuck request", entered)

	e := waitForEvents[cluster.WorkerAbandoned](t, r.events, 1)[0]
	if !strings.Contains(string(e.Stacks), "slowHandler.func") || e.Err == nil || e.Abandoned != 1 {
		t.Errorf("WorkerAbandoned: %v, want the stack of the handler, an error and 1 abandoned\n%s", e.Err, e.Stacks)
	}
	eventually(t, "next generation", func() bool {
		w := r.status().Workers[e.Worker-1]
		return w.State == cluster.Running && w.Generation > e.Generation && w.Restarts > 0
	})
	if st := r.status(); st.AbandonedGenerations != 1 {
		t.Errorf("status %+v, want one abandoned generation", st)
	}
	l.waitForMore(100)
	close(release)
	if err := within(t, "response to the stuck request", stuck); err != nil {
		t.Errorf("the stuck request: %v", err)
	}
	l.stopAndCheck()
	eventually(t, "end of the abandoned generation", func() bool {
		st := r.status()
		return st.AbandonedGenerations == 0 && st.DrainingGenerations == 0
	})
}

func TestTooManyAbandonedGenerationsGiveUp(t *testing.T) {
	t.Parallel()
	const limit = 2
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	r := start(t, cluster.Options{
		Handler: slowHandler(entered, release), Workers: 1, Watchdog: cluster.Watchdog{StallAfter: stallAfter, MaxAbandoned: limit},
		Restart: cluster.Restart{MaxRestarts: 100}, Shutdown: cluster.Shutdown{Timeout: 10 * time.Millisecond},
	})
	for i := range limit + 1 {
		go func() { _, _ = (&client{addr: r.addr}).get("/slow") }() // ends when it is cut off
		within(t, "stuck request", entered)
		waitForEvents[cluster.WorkerAbandoned](t, r.events, i+1)
	}
	if err := r.wait(); !errors.Is(err, cluster.ErrGaveUp) {
		t.Errorf("Run() = %v, want ErrGaveUp", err)
	}
	if e := waitForEvents[cluster.GaveUp](t, r.events, 1)[0]; e.Err == nil {
		t.Errorf("GaveUp: %+v, want the reason", e)
	}
}

// stallAddr is the address from which connections cause a fault in the accept
// loop.
var stallAddr = netip.MustParseAddr("127.0.0.2")

// dialFromStallAddr connects from stallAddr. The accept loop passes the address
// to Limits.Exempt, where tests cause a fault.
func dialFromStallAddr(t testing.TB, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(stallAddr, 0))}
	c, err := d.DialContext(context.Background(), "tcp4", addr)
	if err != nil {
		t.Fatalf("dial from %v: %v", stallAddr, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// dialFromStallAddrWithReader is dialFromStallAddr with a buffered reader.
func dialFromStallAddrWithReader(t testing.TB, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dialFromStallAddr(t, addr)
	return c, bufio.NewReader(c)
}

// stallAcceptLoop returns a Limits.Exempt that hangs on connections from
// stallAddr.
func stallAcceptLoop(entered chan<- struct{}, release <-chan struct{}) func(netip.Addr) bool {
	return func(peer netip.Addr) bool {
		if peer == stallAddr {
			select {
			case <-release:
			case entered <- struct{}{}:
				<-release
			}
		}
		return false
	}
}

func TestStalledAcceptLoopIsReplaced(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, cluster.Options{
		Workers: 2, Limits: cluster.Limits{Exempt: stallAcceptLoop(entered, release)},
		Watchdog: cluster.Watchdog{StallAfter: stallAfter, MaxAbandoned: 100}, Restart: cluster.Restart{MaxRestarts: 100},
	})
	odd := &client{addr: r.addr}
	odd.conn, odd.br = dialFromStallAddr(t, r.addr), nil
	within(t, "stall of an accept loop", entered)
	l := startLoad(t, r.addr, "/", 2, 2) // some connections wait for the watchdog
	e := waitForEvents[cluster.WorkerAbandoned](t, r.events, 1)[0]
	if !strings.Contains(string(e.Stacks), "stallAcceptLoop.func") {
		t.Errorf("WorkerAbandoned: no stack of the accept loop in\n%s", e.Stacks)
	}
	l.waitForMore(200)
	close(release)
	l.stopAndCheck()
	eventually(t, "end of the abandoned generation", func() bool {
		st := r.status()
		return st.AbandonedGenerations == 0
	})
	odd.close()
}

// TestShutdownWithStalledAcceptLoop checks that Run returns although an accept
// loop hangs.
func TestShutdownWithStalledAcceptLoop(t *testing.T) {
	t.Parallel()
	for name, stall := range map[string]time.Duration{"before the watchdog": time.Hour, "after the watchdog": stallAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, release := make(chan struct{}), make(chan struct{})
			r := start(t, cluster.Options{
				Workers: 2, Limits: cluster.Limits{Exempt: stallAcceptLoop(entered, release)}, Watchdog: cluster.Watchdog{StallAfter: stall, MaxAbandoned: 100},
				Restart: cluster.Restart{MaxRestarts: 100}, Shutdown: cluster.Shutdown{Timeout: 10 * time.Millisecond},
			})
			dialFromStallAddr(t, r.addr)
			within(t, "stall of an accept loop", entered)
			if stall == stallAfter {
				waitForEvents[cluster.WorkerAbandoned](t, r.events, 1)
			}
			r.cancel()
			select {
			case <-r.ended:
			case <-time.After(patience / 2):
				t.Errorf("Run does not return while an accept loop hangs; steps: %v", eventsOf[cluster.ShutdownStep](r.events))
			}
			close(release)
			if err := r.wait(); err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
		})
	}
}

// TestPanicInAcceptLoop checks that the panic costs one connection and restarts
// the worker.
func TestPanicInAcceptLoop(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 2, Limits: cluster.Limits{Exempt: func(peer netip.Addr) bool {
		if peer == stallAddr {
			panicOnPurpose()
		}
		return false
	}}})
	c := dialFromStallAddr(t, r.addr)
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the connection that caused a panic: %d bytes, %v, want EOF", n, err)
	}
	e := waitForEvents[cluster.WorkerFailed](t, r.events, 1)[0]
	if e.Err == nil || !strings.Contains(e.Err.Error(), "on purpose") {
		t.Errorf("WorkerFailed: %+v, want the panic as the reason", e)
	}
	if p := waitForEvents[cluster.PanicContained](t, r.events, 1)[0]; !strings.Contains(string(p.Stack), "cluster_test.panicOnPurpose") {
		t.Errorf("PanicContained: no stack of the panic in\n%s", p.Stack)
	}
	for range 20 {
		wantOK(t, &client{addr: r.addr, closeEach: true})
	}
	eventually(t, "release of the connections", func() bool { return r.status().Conns == 0 })
}
