package cluster_test

import (
	"bufio"
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
)

// response is what a client received for one request.
type response struct {
	status    int
	body      string
	willClose bool // the response carried Connection: close
}

// client is a strict HTTP/1.1 client. It never retries, and treats as an error
// whatever a well-behaved server does not do. It keeps its connection until a
// response with Connection: close.
type client struct {
	addr string
	conn net.Conn
	br   *bufio.Reader
	// closeEach sends Connection: close and uses a new connection each time.
	closeEach bool
	// ctx, if set, bounds dialing.
	ctx context.Context
	// noDeadline waits for a response without a limit.
	noDeadline bool
	// answered counts the responses on the connection.
	answered int
}

// get requests path.
func (c *client) get(path string) (response, error) {
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: test\r\n", path)
	if c.closeEach {
		head += "Connection: close\r\n"
	}
	return c.send(head + "\r\n")
}

// send sends a raw request and reads the response.
func (c *client) send(request string) (response, error) {
	if c.conn == nil {
		ctx := c.ctx
		if ctx == nil {
			ctx = context.Background()
		}
		conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", c.addr)
		if err != nil {
			return response{}, fmt.Errorf("dial: %w", err)
		}
		c.conn, c.br, c.answered = conn, bufio.NewReader(conn), 0
	}
	until := time.Now().Add(patience)
	if c.noDeadline {
		until = time.Time{}
	}
	_ = c.conn.SetDeadline(until)
	if _, err := io.WriteString(c.conn, request); err != nil {
		return response{}, fmt.Errorf("write request %d of the connection: %w", c.answered+1, err)
	}
	return c.read()
}

// read reads a response. After a response with Connection: close the server
// must close the connection without a reset and without another byte.
func (c *client) read() (response, error) {
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		return response{}, fmt.Errorf("read response %d of the connection: %w", c.answered+1, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return response{}, fmt.Errorf("read body %d of the connection: %w", c.answered+1, err)
	}
	c.answered++
	a := response{status: resp.StatusCode, body: string(body), willClose: resp.Close}
	if c.closeEach && !a.willClose {
		return a, errors.New("a request with Connection: close was answered without")
	}
	if !a.willClose {
		return a, nil
	}
	if rest, err := io.ReadAll(c.br); err != nil || len(rest) > 0 {
		return a, fmt.Errorf("after the last response: %q, %w", rest, err)
	}
	c.close()
	return a, nil
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// mustGet requests path on a new connection.
func mustGet(t testing.TB, addr, path string) response {
	t.Helper()
	c := &client{addr: addr, closeEach: true}
	defer c.close()
	a, err := c.get(path)
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return a
}

// connectionRefused reports whether a dial failed because no socket listens.
func connectionRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// clientLoad is a set of clients that send requests without a pause.
type clientLoad struct {
	t      testing.TB
	stop   chan struct{}
	wg     sync.WaitGroup
	served atomic.Int64
	failed atomic.Int64
}

// startLoad starts clients that request path until stopAndCheck: keepAlive ones
// that keep their connections, and closeEach ones that open a connection per
// request. Any response other than 200 "ok" fails the test.
func startLoad(t testing.TB, addr, path string, keepAlive, closeEach int) *clientLoad {
	l := &clientLoad{t: t, stop: make(chan struct{})}
	for i := range keepAlive + closeEach {
		l.wg.Go(func() { l.run(&client{addr: addr, closeEach: i >= keepAlive}, path) })
	}
	t.Cleanup(l.stopAndCheck)
	return l
}

func (l *clientLoad) run(c *client, path string) {
	defer c.close()
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		a, err := c.get(path)
		if err != nil || a.status != http.StatusOK || a.body != "ok" {
			if l.failed.Add(1) <= 5 {
				l.t.Errorf("under load: response %+v, error %v (kept-alive: %v)", a, err, !c.closeEach)
			}
			c.close()
			continue
		}
		l.served.Add(1)
	}
}

// waitForMore waits for n further responses.
func (l *clientLoad) waitForMore(n int64) {
	l.t.Helper()
	until := l.served.Load() + n
	eventually(l.t, "responses under load", func() bool { return l.served.Load() >= until || l.failed.Load() > 5 })
}

// stopAndCheck stops the clients and fails the test if a request failed. A
// second call does nothing.
func (l *clientLoad) stopAndCheck() {
	l.t.Helper()
	select {
	case <-l.stop:
		return
	default:
	}
	close(l.stop)
	l.wg.Wait()
	if n := l.failed.Load(); n > 0 {
		l.t.Errorf("under load: %d of %d requests failed", n, n+l.served.Load())
	}
}
