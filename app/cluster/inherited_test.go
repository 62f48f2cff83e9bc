package cluster_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
)

// openListener opens a listening socket, as systemd would, and closes it when
// the test ends. It is not multipath TCP, on which filters fail.
func openListener(t testing.TB) *net.TCPListener {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.(*net.TCPListener)
}

// listenerFile returns another file of the socket for a Supervisor.
func listenerFile(t testing.TB, ln *net.TCPListener) *os.File {
	t.Helper()
	f, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEveryInheritedSocketIsAccepted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ sockets, workers int }{
		"one socket for four workers": {1, 4},
		"one each":                    {2, 2},
		"four sockets for one worker": {4, 1},
		"five sockets for three":      {5, 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lns []*net.TCPListener
			var files []*os.File
			for range tt.sockets {
				ln := openListener(t)
				lns, files = append(lns, ln), append(files, listenerFile(t, ln))
			}
			r := start(t, cluster.Options{
				Inherited: files, Workers: tt.workers, Restart: cluster.Restart{MinUptime: time.Millisecond, MaxRestarts: 1000},
				Handler: faultHandler(nil),
			})
			if r.addr != lns[0].Addr().String() {
				t.Errorf("Addr() = %s, want that of the first socket, %s", r.addr, lns[0].Addr())
			}
			ask := func() {
				t.Helper()
				for _, ln := range lns {
					for range 2 * tt.workers {
						wantOK(t, &client{addr: ln.Addr().String(), closeEach: true})
					}
				}
			}
			ask()
			for _, n := range []int{4, 1, 2} {
				if now, _, err := r.Scale(n); now != n || err != nil {
					t.Fatalf("Scale(%d) = %d, %v", n, now, err)
				}
				ask()
				mustGet(t, lns[len(lns)-1].Addr().String(), "/kill")
				ask()
			}
			if _, err := r.Reload(); err != nil {
				t.Fatal(err)
			}
			ask()
			if err := r.stop(); err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
		})
	}
}

// TestInheritedQueueSurvivesShutdown checks that a request in flight is
// finished at shutdown, and that a client which connects later is served by the
// next supervisor.
func TestInheritedQueueSurvivesShutdown(t *testing.T) {
	t.Parallel()
	ln := openListener(t)
	entered, release := make(chan struct{}), make(chan struct{})
	first := start(t, cluster.Options{Inherited: []*os.File{listenerFile(t, ln)}, Handler: slowHandler(entered, release)})
	inFlight := make(chan error)
	go func() {
		c := &client{addr: first.addr, closeEach: true}
		a, err := c.get("/slow")
		inFlight <- checkStatus(a, err, 200)
	}()
	within(t, "request in flight", entered)
	first.cancel()
	waitForEvents[cluster.ShutdownStep](t, first.events, 2)
	waiting := &client{addr: first.addr}
	defer waiting.close()
	waiting.conn, waiting.br = dialWithReader(t, first.addr)
	if _, err := io.WriteString(waiting.conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := within(t, "response", inFlight); err != nil {
		t.Errorf("request in flight: %v, want 200", err)
	}
	if err := first.wait(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	start(t, cluster.Options{Inherited: []*os.File{listenerFile(t, ln)}})
	if a, err := waiting.read(); err != nil || a.body != "ok" {
		t.Errorf("client in the queue: %+v, %v, want ok", a, err)
	}
}

// TestInheritedHandoverLosesNoRequest replaces supervisors on one socket while
// clients send requests.
func TestInheritedHandoverLosesNoRequest(t *testing.T) {
	t.Parallel()
	ln := openListener(t)
	r := start(t, cluster.Options{Inherited: []*os.File{listenerFile(t, ln)}, Shutdown: cluster.Shutdown{IdleGrace: patience}})
	l := startLoad(t, r.addr, "/", 4, 4)
	for range 10 {
		l.waitForMore(50)
		if err := r.stop(); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		r = start(t, cluster.Options{Inherited: []*os.File{listenerFile(t, ln)}, Shutdown: cluster.Shutdown{IdleGrace: patience}})
	}
	l.waitForMore(50)
	l.stopAndCheck()
}

func TestInheritedFileMustListen(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "no-socket"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := cluster.New(cluster.Options{Handler: answerOK, Inherited: []*os.File{listenerFile(t, openListener(t)), f}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(context.Background()); err == nil || !strings.Contains(err.Error(), f.Name()) {
		t.Errorf("Listen with a plain file = %v, want an error that names %s", err, f.Name())
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Listen left the inherited file open")
	}
}
