//go:build container || kube

package container_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// errDial marks a request that was not sent because connecting failed.
var errDial = errors.New("dial")

// client is an HTTP client that never retries: a reset, an early end of the connection or
// a short response is an error. It is not safe for concurrent use.
type client struct {
	addr, key string
	// connPerRequest makes do open a new connection for each request.
	connPerRequest bool
	conn           net.Conn
	br             *bufio.Reader
}

func (c *client) do(method, path, body string) (int, string, error) {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.addr, 10*time.Second)
		if err != nil {
			return 0, "", fmt.Errorf("%w: %w", errDial, err)
		}
		c.conn, c.br = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(30 * time.Second))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, path, c.addr, len(body))
	if c.key != "" {
		head += "Authorization: Bearer " + c.key + "\r\n"
	}
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
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", fmt.Errorf("read body: %w", err)
	}
	if resp.Close || c.connPerRequest {
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

// request makes one request over a new connection.
func request(addr, key, method, path, body string) (int, string, error) {
	c := &client{addr: addr, key: key, connPerRequest: true}
	defer c.close()
	return c.do(method, path, body)
}

// respondsOK reports whether a GET request of path returns 200.
func respondsOK(addr, path string) bool {
	status, _, err := request(addr, "", "GET", path, "")
	return err == nil && status == http.StatusOK
}

// loadGenerator runs clients that post readings, each for a machine of its own. Half of
// them reuse their connection.
type loadGenerator struct {
	addr, key string
	stop      chan struct{}
	wg        sync.WaitGroup
	served    atomic.Int64
	// refusalsExpected is set once a refused connection is not a failure any more.
	refusalsExpected atomic.Bool
	mu               sync.Mutex
	failures         []error
	// acknowledged is the last acknowledged reading of each machine.
	acknowledged map[string]int
}

// startLoad starts n clients, whose machines are named prefix0, prefix1 and so on.
func startLoad(addr, key, prefix string, n int) *loadGenerator {
	w := &loadGenerator{addr: addr, key: key, stop: make(chan struct{}), acknowledged: map[string]int{}}
	for i := range n {
		w.wg.Go(func() { w.post(fmt.Sprint(prefix, i), i%2 == 1) })
	}
	return w
}

// firstReadingTime is the Unix time of the first reading in milliseconds. It is fixed, so
// that a reading that is posted again replaces itself.
const firstReadingTime = 1_700_000_000_000

func (w *loadGenerator) post(machine string, fresh bool) {
	c := &client{addr: w.addr, key: w.key, connPerRequest: fresh}
	defer c.close()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for n := 1; ; {
		select {
		case <-w.stop:
			return
		case <-pause.C:
		}
		status, text, err := c.do("POST", "/api/v1/telemetry",
			fmt.Sprintf(`{"machine":%q,"ts":%d,"values":{"n":%d}}`, machine, firstReadingTime+n, n))
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("telemetry = %d %.200s", status, text)
		}
		if err == nil {
			w.served.Add(1)
			w.mu.Lock()
			w.acknowledged[machine] = n
			w.mu.Unlock()
			n++
			continue
		}
		c.close()
		if w.refusalsExpected.Load() && errors.Is(err, errDial) {
			return
		}
		w.mu.Lock()
		w.failures = append(w.failures, err)
		w.mu.Unlock()
	}
}

// failedRequests returns the errors so far.
func (w *loadGenerator) failedRequests() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]error(nil), w.failures...)
}

// waitForMore waits until n more readings are acknowledged.
func (w *loadGenerator) waitForMore(t *testing.T, n int64) {
	t.Helper()
	before := w.served.Load()
	eventually(t, fmt.Sprint(n, " more readings"), func() bool { return w.served.Load() >= before+n })
}

// stopAndReport stops the clients and returns the errors of failed requests.
func (w *loadGenerator) stopAndReport(t *testing.T) []error {
	t.Helper()
	close(w.stop)
	w.wg.Wait()
	if w.served.Load() == 0 {
		t.Fatal("no reading was acknowledged, so the test checks nothing")
	}
	t.Logf("%d readings acknowledged, %d requests failed", w.served.Load(), len(w.failures))
	return w.failures
}

// checkStored fails the test if the server at addr lacks an acknowledged reading.
func (w *loadGenerator) checkStored(t *testing.T, addr string) {
	t.Helper()
	for machine, n := range w.acknowledged {
		status, body, err := request(addr, w.key, "GET", "/api/v1/machines/"+machine+"/history?metric=n&limit=50000", "")
		var page struct {
			Series []struct{ Points [][2]float64 }
		}
		if err == nil {
			err = json.Unmarshal([]byte(body), &page)
		}
		if err != nil || status != http.StatusOK || len(page.Series) != 1 {
			t.Fatalf("history of %s = %d %.200s (%v)", machine, status, body, err)
		}
		points := page.Series[0].Points
		if len(points) < n { // one more may be stored whose response did not arrive
			t.Fatalf("history of %s has %d points, want the %d acknowledged ones", machine, len(points), n)
		}
		for i, point := range points[:n] {
			if int(point[1]) != i+1 {
				t.Fatalf("point %d of %s = %v, want value %d", i, machine, point, i+1)
			}
		}
	}
}

// secretOf returns the secret of the first key in a value of API_KEYS.
func secretOf(keys string) string {
	parts := strings.SplitN(strings.TrimSpace(keys), ":", 3)
	if len(parts) < 3 {
		return ""
	}
	return strings.SplitN(parts[2], ",", 2)[0]
}
