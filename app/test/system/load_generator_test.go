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

// client is an HTTP client that tries nothing twice: a reset, an end without
// notice or a short answer is an error.
type client struct {
	addr string
	// fresh makes a connection for each request.
	connPerRequest bool
	conn           net.Conn
	br             *bufio.Reader
	// Of the last answer.
	status int
	header http.Header
}

// errDial marks a request that never began: nobody took the connection.
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

// crowd is many clients at once: half of them keep their connections.
type loadGenerator struct {
	stop     chan struct{}
	wg       sync.WaitGroup
	served   atomic.Int64
	mu       sync.Mutex
	failures []error
}

// gather starts n clients; each calls ask over and over until leave. After the
// process was told to end, refused connections are no loss.
func startLoad(addr string, n int, ending *atomic.Bool, ask func(i int, c *client) error) *loadGenerator {
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
				err := ask(i, c)
				if err == nil {
					w.served.Add(1)
					continue
				}
				if ending != nil && ending.Load() && errors.Is(err, errDial) {
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

// leave ends the clients and reports what they lost.
func (w *loadGenerator) stopAndCheck(t *testing.T) {
	t.Helper()
	close(w.stop)
	w.wg.Wait()
	if len(w.failures) > 0 {
		t.Errorf("%d of %d requests lost, the first: %v", len(w.failures), w.served.Load(), w.failures[0])
	}
	if w.served.Load() == 0 {
		t.Error("no request was served: the test shows nothing")
	}
}

// healthy asks for the health and wants 200.
func checkHealth(_ int, c *client) error {
	status, body, err := c.do("GET", "/api/health", "")
	if err == nil && status != http.StatusOK {
		return fmt.Errorf("health = %d %s", status, body)
	}
	return err
}
