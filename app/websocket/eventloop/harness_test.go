package eventloop_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/testkit/leaktest"
	"smart-factory-backend/app/websocket/eventloop"
)

const testTimeout = time.Minute

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// socket is a Transport over one end of a non-blocking socket pair.
type socket struct {
	fd     int
	panics chan any
	closed chan struct{}
}

// socketPair returns a transport and its peer.
func socketPair(t testing.TB) (*socket, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	peer := os.NewFile(uintptr(fds[1]), "peer")
	_ = peer.SetDeadline(time.Now().Add(testTimeout))
	t.Cleanup(func() { _ = peer.Close() })
	return &socket{fds[0], make(chan any, 1), make(chan struct{})}, peer
}

func (s *socket) Descriptor() int { return s.fd }
func (s *socket) Layered() bool   { return false }

func (s *socket) TryRead(p []byte) (int, error) {
	n, err := unix.Read(s.fd, p)
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return max(n, 0), err
}

func (s *socket) TryWrite(p []byte) (int, error) {
	n, err := unix.SendmsgN(s.fd, p, nil, nil, unix.MSG_NOSIGNAL)
	return max(n, 0), err
}

func (s *socket) CloseWrite() error    { return unix.Shutdown(s.fd, unix.SHUT_WR) }
func (s *socket) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "peer", Net: "unix"} }
func (s *socket) OnShutdown(func())    {}

func (s *socket) Close() error {
	close(s.closed)
	return unix.Close(s.fd)
}

func (s *socket) Guard(r interface {
	Run()
	Failed()
},
) (returned bool) {
	defer func() {
		if !returned {
			s.panics <- recover()
			r.Failed()
		}
	}()
	r.Run()
	return true
}

// handler is a Handler made of functions; nil ones do nothing.
type handler struct {
	readable func(c *eventloop.Conn)
	failed   func(c *eventloop.Conn)
	slowData []byte
	closed   chan error
}

func newHandler(readable func(*eventloop.Conn)) *handler {
	return &handler{readable: readable, closed: make(chan error, 2)}
}

func (h *handler) Readable(c *eventloop.Conn) {
	if h.readable != nil {
		h.readable(c)
		return
	}
	readAll(c)
}

func (h *handler) Failed(c *eventloop.Conn) {
	if h.failed != nil {
		h.failed(c)
	}
}

func (h *handler) Slow(error) []byte { return h.slowData }
func (h *handler) Closed(err error)  { h.closed <- err }

func readAll(c *eventloop.Conn) (all []byte) {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return all
		}
		all = append(all, buf[:n]...)
	}
}

// startLoop creates a loop and runs it until the test ends.
func startLoop(t testing.TB) (l *eventloop.Loop, stop func()) {
	t.Helper()
	l, err := eventloop.New(eventloop.Options{Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	return l, runLoop(t, l)
}

// runLoop runs l until the test ends.
func runLoop(t testing.TB, l *eventloop.Loop) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	stop = func() {
		cancel()
		ended.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func addConn(t testing.TB, l *eventloop.Loop, s *socket, h eventloop.Handler, limit int) *eventloop.Conn {
	t.Helper()
	c := &eventloop.Conn{}
	if err := l.Add(c, s, h, limit); err != nil {
		t.Fatalf("Add() = %v", err)
	}
	return c
}

func receive[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	timer := time.NewTimer(testTimeout)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatalf("%s: timeout", what)
	}
	return v
}

// wantRead fails the test unless the peer reads exactly want next.
func wantRead(t testing.TB, peer io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != want {
		t.Fatalf("the peer reads %.60q, %v; want %.60q", got, err, want)
	}
}

func wantEOF(t testing.TB, peer io.Reader) {
	t.Helper()
	if n, err := peer.Read(make([]byte, 10)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("the peer reads %d bytes, %v; want the end", n, err)
	}
}
