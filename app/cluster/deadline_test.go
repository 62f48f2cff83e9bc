package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// timeouts sets the read and idle timeouts of fasthttp servers.
func timeouts(read, idle time.Duration) func(*fasthttp.Server) {
	return func(s *fasthttp.Server) { s.ReadTimeout, s.IdleTimeout = read, idle }
}

// writeSlowly writes b one byte at a time until all is written or a write
// fails.
func writeSlowly(c net.Conn, b string, every time.Duration) time.Duration {
	begin := time.Now()
	pace := time.NewTicker(every)
	defer pace.Stop()
	for i := range len(b) {
		if _, err := c.Write([]byte{b[i]}); err != nil {
			break
		}
		<-pace.C
	}
	return time.Since(begin)
}

// TestReadTimeoutBoundsTheWholeRequest includes requests whose bytes keep
// arriving.
func TestReadTimeoutBoundsTheWholeRequest(t *testing.T) {
	t.Parallel()
	const timeout = 150 * time.Millisecond
	tests := map[string]struct{ first, slow string }{
		"nothing at all": {},
		"half a header":  {first: "GET / HTTP/1.1\r\nHo"},
		"slow header": {
			first: "GET / HTTP/1.1\r\n", slow: "X-Slow: " + string(bytes.Repeat([]byte("x"), 1000)),
		},
		"half a body": {first: "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf"},
		"slow body": {
			first: "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n", slow: string(bytes.Repeat([]byte("x"), 1000)),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, cluster.Options{ConfigureServer: timeouts(timeout, 0)})
			c := &client{addr: r.addr}
			begin := time.Now() // the first request's time begins at accept
			c.conn, c.br = dialWithReader(t, r.addr)
			_, _ = io.WriteString(c.conn, tt.first)
			var wg sync.WaitGroup
			conn := c.conn
			wg.Go(func() { writeSlowly(conn, tt.slow, 10*time.Millisecond) })
			a, err := c.read()
			if tt.first != "" && (err != nil || a.status < 400 || a.status > 499) {
				t.Errorf("slow request: %+v, %v, want a 4xx response and EOF", a, err)
			}
			if took := time.Since(begin); took < timeout/2 { // the clock is coarse
				t.Errorf("ended after %v, want at least half of the timeout %v", took, timeout)
			}
			_ = conn.Close()
			wg.Wait()
			eventually(t, "release of the connections", func() bool { return r.status().Conns == 0 })
		})
	}
}

func TestWriteTimeoutClosesClientWithoutProgress(t *testing.T) {
	t.Parallel()
	body := make([]byte, 64<<20)
	r := start(t, cluster.Options{
		WriteTimeout: 100 * time.Millisecond,
		Handler:      func(ctx *fasthttp.RequestCtx) { ctx.SetBody(body) },
	})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	eventually(t, "connection accepted", func() bool { return r.status().Conns == 1 })
	eventually(t, "end of the stalled connection", func() bool { return r.status().Conns == 0 })
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.Copy(io.Discard, c); n >= int64(len(body)) {
		t.Errorf("read %d bytes, %v, want the response cut", n, err)
	}
}

// TestSlowReaderGetsTheWholeResponse reads a response for longer than the write
// timeout. The kernel reports room in its send buffer of up to 4 MiB only once
// a third is free, so that the server can write nothing for seconds.
func TestSlowReaderGetsTheWholeResponse(t *testing.T) {
	t.Parallel()
	const timeout, size = 2 * time.Second, 16 << 20
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	r := start(t, cluster.Options{
		WriteTimeout: timeout,
		Handler:      func(ctx *fasthttp.RequestCtx) { ctx.SetBody(body) },
	})
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 256<<10)
		})
	}}
	c, err := d.DialContext(context.Background(), "tcp4", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	pace := time.NewTicker(timeout / 20)
	defer pace.Stop()
	for range 60 { // three times the timeout
		if _, err := io.CopyN(&got, resp.Body, 20<<10); err != nil {
			t.Fatalf("the slow reader received %d of %d bytes, %v", got.Len(), size, err)
		}
		<-pace.C
	}
	if _, err := io.Copy(&got, resp.Body); err != nil || !bytes.Equal(got.Bytes(), body) {
		t.Errorf("the slow reader received %d of %d bytes, %v", got.Len(), size, err)
	}
}

// TestIdleTimeoutClosesConnection checks that the idle time begins with each
// response, and that the connection ends without a reset.
func TestIdleTimeoutClosesConnection(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{50 * time.Millisecond, 400 * time.Millisecond} {
		t.Run(fmt.Sprint(idle), func(t *testing.T) {
			t.Parallel()
			r := start(t, cluster.Options{ConfigureServer: timeouts(time.Hour, idle)})
			for !idlesOut(t, &client{addr: r.addr}, idle) {
			}
		})
	}
}

// idlesOut sends three requests on a connection and wants it to end after the
// idle time. It reports false if the client was too slow to say.
func idlesOut(t *testing.T, c *client, idle time.Duration) bool {
	t.Helper()
	defer c.close()
	var sent, responded time.Time
	for n := range 3 {
		previous := sent
		sent = time.Now()
		a, err := c.get("/")
		responded = time.Now()
		if n > 0 && err != nil && responded.Sub(previous) >= idle {
			return false
		}
		if err != nil || a.body != "ok" {
			t.Errorf("request %d within the idle time: %+v, %v, want ok", n+1, a, err)
		}
	}
	if n, err := c.conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("idle connection: %d bytes, %v, want EOF", n, err)
	}
	if took := time.Since(responded); took < idle/2 { // the clock is coarse
		t.Errorf("idle connection ended after %v, want %v", took, idle)
	}
	return true
}

// TestRequestAtIdleTimeoutIsNeverReset sends requests at the moment of the idle
// timeout. Each is served or meets a closed connection.
func TestRequestAtIdleTimeoutIsNeverReset(t *testing.T) {
	t.Parallel()
	const idle, clients = 20 * time.Millisecond, 8
	r := start(t, cluster.Options{ConfigureServer: timeouts(time.Hour, idle)})
	var served, late, reset atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			c := &client{addr: r.addr}
			defer c.close()
			for n := range shortened(100) {
				if c.conn == nil {
					wantOK(t, c)
				}
				wait := time.NewTimer(idle - time.Millisecond + time.Duration((n*clients+i)%40)*50*time.Microsecond)
				<-wait.C
				a, err := c.get("/")
				switch {
				case err == nil && a.status == http.StatusOK:
					served.Add(1)
				case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
					reset.Add(1)
					c.close()
				default:
					late.Add(1)
					c.close()
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d served, %d too late, %d reset", served.Load(), late.Load(), reset.Load())
	if reset.Load() > 0 {
		t.Errorf("%d requests at the idle timeout were reset", reset.Load())
	}
}

// TestEarlyErrorResponseIsReadable checks that a client can read the whole
// response if it is refused while it still sends its body.
func TestEarlyErrorResponseIsReadable(t *testing.T) {
	t.Parallel()
	const sent = 6 << 20
	refuse := func(ctx *fasthttp.RequestCtx) {
		ctx.Error("too large", http.StatusRequestEntityTooLarge)
		ctx.SetConnectionClose()
	}
	tests := map[string]cluster.Options{
		"by the handler, the body streamed": {
			Handler:         refuse,
			ConfigureServer: func(s *fasthttp.Server) { s.StreamRequestBody, s.MaxRequestBodySize = true, 1<<20 },
		},
		"by fasthttp": {
			ConfigureServer: func(s *fasthttp.Server) { s.MaxRequestBodySize = 1 << 20 },
		},
		"by the error handler": {
			ConfigureServer: func(s *fasthttp.Server) {
				s.MaxRequestBodySize = 1 << 20
				s.ErrorHandler = func(ctx *fasthttp.RequestCtx, _ error) { refuse(ctx) }
			},
		},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// However slow the machine is, the server reads the whole body.
			r := startWithoutWait(t, o, func(s *cluster.Supervisor) { cluster.SetLingerTime(s, time.Hour) })
			within(t, "start", r.Ready())
			for range 10 {
				c := &client{addr: r.addr}
				c.conn, c.br = dialWithReader(t, r.addr)
				_, _ = fmt.Fprintf(c.conn, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", sent)
				_, err := c.conn.Write(make([]byte, sent)) // all of it before reading
				if err != nil {
					t.Fatalf("send the whole body: %v", err)
				}
				if a, err := c.read(); err != nil || a.status < 400 || a.status > 499 {
					t.Fatalf("early response: %+v, %v, want 4xx", a, err)
				}
			}
		})
	}
}

// A reader that takes a little now and then is cut off: its average counts.
func TestTricklingReaderIsCutOff(t *testing.T) {
	t.Parallel()
	body := make([]byte, 16<<20)
	r := start(t, cluster.Options{
		WriteTimeout: 3 * time.Second,
		Handler:      func(ctx *fasthttp.RequestCtx) { ctx.SetBody(body) },
	})
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
		})
	}}
	c, err := d.DialContext(context.Background(), "tcp4", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	eventually(t, "connection accepted", func() bool { return r.status().Conns == 1 })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		pace := time.NewTicker(100 * time.Millisecond)
		defer pace.Stop()
		for buf := make([]byte, 100); ; <-pace.C {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}()
	eventually(t, "end of the trickling connection", func() bool { return r.status().Conns == 0 })
	if e := waitForEvents[cluster.ReaderTimedOut](t, r.events, 1)[0]; e.Client.String() != c.LocalAddr().String() || e.Taken == 0 || e.Waited < 3*time.Second {
		t.Errorf("event %+v, want the client %v, what it has read and how long", e, c.LocalAddr())
	}
	_ = c.Close()
	<-ended
}
