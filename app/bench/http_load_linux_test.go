package main

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serveConnections calls handle with each connection and its number, from 1, until
// the test ends, and closes the connection after it. It returns a load on that
// server.
func serveConnections(t *testing.T, handle func(c net.Conn, n int)) httpLoad {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for n := 1; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() {
				defer c.Close()
				handle(c, n)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		handlers.Wait()
	})
	return httpLoad{
		address: ln.Addr().(*net.TCPAddr).AddrPort(), clients: 2, check: isOK,
		request: func(dst []byte) []byte { return append(dst, "GET / HTTP/1.1\r\n\r\n"...) },
	}
}

const okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// readRequest reads one request. It returns false if the client has closed the
// connection.
func readRequest(c net.Conn) bool {
	var got []byte
	part := make([]byte, 4096)
	for !strings.HasSuffix(string(got), "\r\n\r\n") {
		n, err := c.Read(part)
		if err != nil {
			return false
		}
		got = append(got, part[:n]...)
	}
	return true
}

func TestLoadCountsResponses(t *testing.T) {
	t.Parallel()
	for name, newConnections := range map[string]bool{"keep-alive": false, "connection per request": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answered, connections atomic.Int64
			l := serveConnections(t, func(c net.Conn, _ int) {
				connections.Add(1)
				for readRequest(c) {
					answered.Add(1)
					_, _ = io.WriteString(c, okResponse[:20])
					_, _ = io.WriteString(c, okResponse[20:])
					if newConnections {
						return
					}
				}
			})
			l.newConnections = newConnections
			got, err := l.run(t.Context(), 100*time.Millisecond)
			if err != nil || got.requests == 0 || int64(got.requests) != answered.Load() || got.latency.count() != got.requests || len(got.failures) > 0 {
				t.Errorf("run() = %d requests, %d latencies, %v, %v; the server answered %d", got.requests, got.latency.count(), got.failures, err, answered.Load())
			}
			if want := int64(2); !newConnections && connections.Load() != want || newConnections && connections.Load() != answered.Load() {
				t.Errorf("%d connections for %d requests", connections.Load(), answered.Load())
			}
		})
	}
}

func TestLoadCountsFailuresByKind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		newConnections bool
		respond        func(c net.Conn)
		want           string
	}{
		"another status":         {respond: func(c net.Conn) { _, _ = io.WriteString(c, strings.Replace(okResponse, "200", "503", 1)) }, want: "status 503"},
		"closed without answer":  {respond: func(net.Conn) {}, want: "connection closed early"},
		"closed in the middle":   {respond: func(c net.Conn) { _, _ = io.WriteString(c, okResponse[:len(okResponse)-1]) }, want: "connection closed early"},
		"reset":                  {respond: func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, want: unix.ECONNRESET.Error()},
		"reset after the answer": {newConnections: true, respond: func(c net.Conn) { _, _ = io.WriteString(c, okResponse); _ = c.(*net.TCPConn).SetLinger(0) }, want: unix.ECONNRESET.Error()},
		"more than one answer":   {respond: func(c net.Conn) { _, _ = io.WriteString(c, okResponse+okResponse) }, want: "unexpected data"},
		"no HTTP":                {respond: func(c net.Conn) { _, _ = io.WriteString(c, "hello\r\n\r\n") }, want: errNotHTTP.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := serveConnections(t, func(c net.Conn, n int) {
				for readRequest(c) {
					if n == 1 {
						tt.respond(c)
						return
					}
					_, _ = io.WriteString(c, okResponse)
					if tt.newConnections {
						return
					}
				}
			})
			l.newConnections = tt.newConnections
			got, err := l.run(t.Context(), 100*time.Millisecond)
			if err != nil || got.failures[tt.want] != 1 || len(got.failures) != 1 || got.requests == 0 {
				t.Errorf("run() = %d requests, faults %v, %v; want one %q and no other", got.requests, got.failures, err, tt.want)
			}
		})
	}
}

func TestLoadWritesLargeRequests(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	l := serveConnections(t, func(c net.Conn, _ int) {
		for {
			if n, err := io.CopyN(io.Discard, c, size); err != nil || n != size {
				return
			}
			_, _ = io.WriteString(c, okResponse)
		}
	})
	l.request = func(dst []byte) []byte { return append(dst, make([]byte, size)...) }
	if got, err := l.run(t.Context(), time.Millisecond); err != nil || got.requests < 2 || len(got.failures) > 0 {
		t.Errorf("run() = %d requests, %v, %v; want at least one from each client", got.requests, got.failures, err)
	}
}

func TestLoadFailsWithoutAServer(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := httpLoad{address: ln.Addr().(*net.TCPAddr).AddrPort(), clients: 2, check: isOK, request: func(dst []byte) []byte { return append(dst, 'x') }}
	_ = ln.Close()
	if _, err := l.run(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("run() = %v, want an error for refused connections", err)
	}
}

func TestLoadStopsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	l := serveConnections(t, func(c net.Conn, _ int) {
		for readRequest(c) {
			cancel()
		}
	})
	if _, err := l.run(ctx, time.Minute); err == nil {
		t.Error("run() = nil, want the context's error")
	}
}
