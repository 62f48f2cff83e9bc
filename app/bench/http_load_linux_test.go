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

// serve answers each connection by turns until the test ends; turn gets the
// connection and its number, from 1, and the connection is closed after it.
func serveConnections(t *testing.T, turn func(c net.Conn, n int)) httpLoad {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var turns sync.WaitGroup
	turns.Go(func() {
		for n := 1; ; n++ {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			turns.Go(func() {
				defer c.Close()
				turn(c, n)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		turns.Wait()
	})
	return httpLoad{
		address: ln.Addr().(*net.TCPAddr).AddrPort(), clients: 2, check: isOK,
		request: func(dst []byte) []byte { return append(dst, "GET / HTTP/1.1\r\n\r\n"...) },
	}
}

const okResponse = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// read takes one request; false means that the client is gone.
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
	for name, fresh := range map[string]bool{"kept alive": false, "one each": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var answered, connections atomic.Int64
			l := serveConnections(t, func(c net.Conn, _ int) {
				connections.Add(1)
				for readRequest(c) {
					answered.Add(1)
					_, _ = io.WriteString(c, okResponse[:20])
					_, _ = io.WriteString(c, okResponse[20:])
					if fresh {
						return
					}
				}
			})
			l.newConnections = fresh
			got, err := l.run(t.Context(), 100*time.Millisecond)
			if err != nil || got.requests == 0 || int64(got.requests) != answered.Load() || got.latency.count() != got.requests || len(got.failures) > 0 {
				t.Errorf("run() = %d requests, %d latencies, %v, %v; the server answered %d", got.requests, got.latency.count(), got.failures, err, answered.Load())
			}
			if want := int64(2); !fresh && connections.Load() != want || fresh && connections.Load() != answered.Load() {
				t.Errorf("%d connections for %d requests", connections.Load(), answered.Load())
			}
		})
	}
}

func TestLoadCountsFailuresByKind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fresh bool
		turn  func(c net.Conn)
		want  string
	}{
		"another status":         {turn: func(c net.Conn) { _, _ = io.WriteString(c, strings.Replace(okResponse, "200", "503", 1)) }, want: "status 503"},
		"closed without answer":  {turn: func(net.Conn) {}, want: "cut short"},
		"closed in the middle":   {turn: func(c net.Conn) { _, _ = io.WriteString(c, okResponse[:len(okResponse)-1]) }, want: "cut short"},
		"reset":                  {turn: func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, want: unix.ECONNRESET.Error()},
		"reset after the answer": {fresh: true, turn: func(c net.Conn) { _, _ = io.WriteString(c, okResponse); _ = c.(*net.TCPConn).SetLinger(0) }, want: unix.ECONNRESET.Error()},
		"more than one answer":   {turn: func(c net.Conn) { _, _ = io.WriteString(c, okResponse+okResponse) }, want: "more than was asked for"},
		"no HTTP":                {turn: func(c net.Conn) { _, _ = io.WriteString(c, "hello\r\n\r\n") }, want: errNotHTTP.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := serveConnections(t, func(c net.Conn, n int) {
				for readRequest(c) {
					if n == 1 {
						tt.turn(c)
						return
					}
					_, _ = io.WriteString(c, okResponse)
					if tt.fresh {
						return
					}
				}
			})
			l.newConnections = tt.fresh
			got, err := l.run(t.Context(), 100*time.Millisecond)
			if err != nil || got.failures[tt.want] != 1 || len(got.failures) != 1 || got.requests == 0 {
				t.Errorf("run() = %d requests, faults %v, %v; want one %q and the others fine", got.requests, got.failures, err, tt.want)
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
		t.Errorf("run() = %v, want it to end for refused connections", err)
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
