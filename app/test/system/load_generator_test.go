//go:build integration

package system_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// client is an HTTP client that never retries: a reset, an early end of the
// connection or a short response is an error. It is not safe for concurrent use.
type client struct {
	addr string
	// connPerRequest makes do open a new connection for each request.
	connPerRequest bool
	conn           net.Conn
	br             *bufio.Reader
	// status and header are those of the last response.
	status int
	header http.Header
}

// errDial marks a request that was not sent because connecting failed.
var errDial = errors.New("dial")

func (c *client) do(method, path, body string) (int, string, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, waitTimeout)
		if err != nil {
			return 0, "", fmt.Errorf("%w: %w", errDial, err)
		}
		c.conn, c.br = conn, bufio.NewReader(conn)
	}
	c.status, c.header = 0, nil
	_ = c.conn.SetDeadline(time.Now().Add(waitTimeout))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n", method, path, len(body))
	if c.connPerRequest {
		head += "Connection: close\r\n"
	}
	if _, err := io.WriteString(c.conn, head+"\r\n"+body); err != nil {
		return 0, "", fmt.Errorf("write: %w", err)
	}
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		return 0, "", fmt.Errorf("read: %w", err)
	}
	c.status, c.header = resp.StatusCode, resp.Header
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", fmt.Errorf("read body: %w", err)
	}
	if resp.Close {
		c.close()
	}
	return resp.StatusCode, string(text), nil
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// loadGenerator runs clients that send requests in a loop. Half of them reuse their
// connection.
type loadGenerator struct {
	stop     chan struct{}
	wg       sync.WaitGroup
	served   atomic.Int64
	mu       sync.Mutex
	failures []error
}

// startLoad starts n clients, each of which calls send in a loop until
// stopAndCheck. Once stopping is set, a client whose connection is refused ends
// without counting a failure. A nil stopping counts every failure.
func startLoad(addr string, n int, stopping *atomic.Bool, send func(i int, c *client) error) *loadGenerator {
	w := &loadGenerator{stop: make(chan struct{})}
	for i := range n {
		w.wg.Go(func() {
			c := &client{addr: addr, connPerRequest: i%2 == 1}
			defer c.close()
			for {
				select {
				case <-w.stop:
					return
				default:
				}
				err := send(i, c)
				if err == nil {
					w.served.Add(1)
					continue
				}
				if stopping != nil && stopping.Load() && errors.Is(err, errDial) {
					return
				}
				w.mu.Lock()
				w.failures = append(w.failures, err)
				w.mu.Unlock()
				c.close()
			}
		})
	}
	return w
}

// stopAndCheck stops the clients and fails the test if a request failed.
func (w *loadGenerator) stopAndCheck(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.wg.Wait()
	if len(w.failures) > 0 {
		t.Errorf("%d requests failed and %d succeeded, the first failure: %v", len(w.failures), w.served.Load(), w.failures[0])
	}
	if w.served.Load() == 0 {
		t.Error("no request succeeded, so the test checks nothing")
	}
}

// checkHealth requests /api/health and returns an error unless it is 200.
func checkHealth(_ int, c *client) error {
	status, body, err := c.do("GET", "/api/health", "")
	if err == nil && status != http.StatusOK {
		return fmt.Errorf("GET /api/health = %d %s, want 200", status, body)
	}
	return err
}
