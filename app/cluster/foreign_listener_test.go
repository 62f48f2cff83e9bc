package cluster_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/cluster"
)

// joinPort opens a second listener on a supervisor's port, which the kernel
// allows to programs of the same user.
func joinPort(t testing.TB, addr string) net.Listener {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
	}}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), "tcp4", addr)
	if err != nil {
		t.Fatalf("join the port: %v", err)
	}
	return ln
}

// joinPortAndCount opens a second listener on a supervisor's port and counts
// the connections that it gets, until leave is called.
func joinPortAndCount(t testing.TB, addr string) (got *atomic.Int64, leave func()) {
	t.Helper()
	ln := joinPort(t, addr)
	got = new(atomic.Int64)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			got.Add(1)
			_ = c.Close()
		}
	})
	return got, func() {
		_ = ln.Close()
		wg.Wait()
	}
}

func TestForeignListenerGetsNoConnections(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 2})
	got, leave := joinPortAndCount(t, r.addr)
	for range 400 {
		wantOK(t, &client{addr: r.addr, closeEach: true})
	}
	if n := got.Load(); n != 0 {
		t.Errorf("the foreign listener got %d of 400 connections", n)
	}
	// The kernel's table may miss a socket while others change.
	waitForReports := func(n int) {
		eventually(t, "report of a foreign listener", func() bool {
			cluster.CheckForeignListeners(r.Supervisor)
			return len(eventsOf[cluster.ForeignListener](r.events)) >= n
		})
	}
	waitForReports(1)
	if e := waitForEvents[cluster.ForeignListener](t, r.events, 1)[0]; e.Sockets != 1 {
		t.Errorf("ForeignListener: count %d, want 1", e.Sockets)
	}

	// Control: without steering it does get connections.
	cluster.DetachSteering(r.Supervisor)
	for range 400 {
		_, _ = (&client{addr: r.addr, closeEach: true}).get("/")
	}
	if got.Load() == 0 {
		t.Error("without steering the foreign listener got no connection either: the test proves nothing")
	}
	leave()
	waitForReports(2) // a forked process may hold the socket until exec
	if e := waitForEvents[cluster.ForeignListener](t, r.events, 2)[1]; e.Sockets != 0 {
		t.Errorf("ForeignListener after it was closed: count %d, want 0", e.Sockets)
	}
}

// TestScalingGivesForeignListenerNoConnections checks that scaling up beside a
// foreign listener opens no socket, since the kernel would list it after the
// foreign one.
func TestScalingGivesForeignListenerNoConnections(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Workers: 1})
	got, leave := joinPortAndCount(t, r.addr)
	for _, n := range []int{4, 2, 3} {
		if now, _, err := r.Scale(n); now != n || err != nil {
			t.Fatalf("Scale(%d) = %d, %v", n, now, err)
		}
		for range 100 {
			wantOK(t, &client{addr: r.addr, closeEach: true})
		}
	}
	leave()
	if n := got.Load(); n != 0 {
		t.Errorf("the foreign listener got %d of 300 connections", n)
	}
	if running, total := r.Workers(); running != 3 || total != 3 {
		t.Errorf("Workers() = %d, %d, want 3, 3", running, total)
	}
}
