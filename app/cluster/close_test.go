package cluster_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
)

func newSupervisor(t *testing.T, o cluster.Options) *cluster.Supervisor {
	t.Helper()
	o.Handler, o.Host = answerOK, "127.0.0.1"
	o.Shutdown.HandshakeGrace = time.Millisecond
	s, err := cluster.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantClosed closes s twice and wants it to be of no use afterwards.
func wantClosed(t *testing.T, s *cluster.Supervisor) {
	t.Helper()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
	}
	if err := s.Listen(t.Context()); !errors.Is(err, cluster.ErrStopped) {
		t.Errorf("Listen after Close = %v, want ErrStopped", err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, cluster.ErrStopped) {
		t.Errorf("Run after Close = %v, want ErrStopped", err)
	}
	wantCallErrors(t, "after Close", s, cluster.ErrStopped)
}

func TestCloseBeforeListenClosesInheritedFiles(t *testing.T) {
	t.Parallel()
	f := listenerFile(t, openListener(t))
	wantClosed(t, newSupervisor(t, cluster.Options{Inherited: []*os.File{f}}))
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close left an inherited file open: %v", err)
	}
}

func TestCloseAfterListenReleasesThePort(t *testing.T) {
	t.Parallel()
	s := newSupervisor(t, cluster.Options{})
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr().String()
	wantClosed(t, s)
	ln, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatalf("listen on the port after Close: %v", err)
	}
	_ = ln.Close()
}

// TestCloseDuringRunShutsDown checks that Close ends Run as its context would.
func TestCloseDuringRunShutsDown(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, cluster.Options{Handler: slowHandler(entered, release)})
	answered := make(chan error)
	go func() {
		a, err := (&client{addr: r.addr, closeEach: true}).get("/slow")
		answered <- checkStatus(a, err, 200)
	}()
	within(t, "request", entered)
	if err := r.Close(); err != nil {
		t.Errorf("Close() = %v, want nil", err)
	}
	eventually(t, "drain", r.Draining)
	close(release)
	if err := within(t, "response", answered); err != nil {
		t.Errorf("request in flight: %v, want 200", err)
	}
	if err := r.wait(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	wantClosed(t, r.Supervisor)
}

// TestConcurrentCloseListenAndRun checks that nothing hangs or leaks, whichever
// comes first.
func TestConcurrentCloseListenAndRun(t *testing.T) {
	t.Parallel()
	for range shortened(50) {
		s := newSupervisor(t, cluster.Options{Workers: 2})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Listen(context.Background()); err != nil && !errors.Is(err, cluster.ErrStopped) {
				t.Errorf("Listen() = %v", err)
			}
		})
		wg.Go(func() {
			if err := s.Run(context.Background()); err != nil && !errors.Is(err, cluster.ErrStopped) && !errors.Is(err, context.Canceled) {
				t.Errorf("Run() = %v", err)
			}
		})
		for range 2 {
			wg.Go(func() { _ = s.Close() })
		}
		ended := make(chan struct{})
		go func() {
			wg.Wait()
			close(ended)
		}()
		within(t, "end of all calls", ended)
		if addr := s.Addr(); addr != nil {
			if _, err := (&client{addr: addr.String()}).get("/"); !connectionRefused(err) {
				t.Errorf("after Close: %v, want connection refused", err)
			}
		}
	}
}

func TestObserverMayCloseSupervisor(t *testing.T) {
	t.Parallel()
	var sup *cluster.Supervisor
	r := startWithoutWait(t, cluster.Options{Observe: func(cluster.Event) { _ = sup.Close() }}, func(s *cluster.Supervisor) { sup = s })
	if err := r.wait(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}
