package api_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
)

// partialReader is a connection without buffers: the server writes only what the
// test reads.
type partialReader struct {
	net.Conn
	br *bufio.Reader
}

// startReading requests a path and reads no more than the beginning of the
// response.
func (p *testServer) startReading(t *testing.T, path string) partialReader {
	t.Helper()
	c, served := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.server.ServeConn(served)
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-ended
	})
	_ = c.SetDeadline(time.Now().Add(testTimeout))
	a := partialReader{c, bufio.NewReaderSize(c, 16)}
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.br.Peek(1); err != nil {
		t.Fatal(err)
	}
	return a
}

// A large response that its client does not read blocks other large ones, but not
// small ones.
func TestHistoryMemoryHeldUntilResponseIsRead(t *testing.T) {
	t.Parallel()
	// Memory for one page of a response, but not for two.
	p := startServer(t, func(o *api.Options, _ *testServer) { o.IngestMemory = 500 << 10 })
	readings := make([]factory.Reading, 50_000)
	for i := range readings {
		readings[i] = factory.Reading{Machine: "m", Metric: "x", ObservedAt: 1_700_000_000_000 + int64(i), Value: float64(i)}
	}
	appendReadings(t, p, readings...)
	const path = "/api/v1/machines/m/history"
	whole := len(p.get(t, path).body)
	lazy := p.startReading(t, path)
	if a := p.get(t, path+"?limit=100"); a.status != http.StatusOK {
		t.Errorf("a few points beside it = %d %s, want 200", a.status, a.body)
	}
	api.SetHistoryWait(p.api, 50*time.Millisecond)
	if a := p.get(t, path); a.status != http.StatusServiceUnavailable || a.header["Retry-After"] != "1" {
		t.Errorf("as much again beside it = %d, Retry-After %q, want 503 and 1", a.status, a.header["Retry-After"])
	}
	api.SetHistoryWait(p.api, testTimeout)
	taken := make(chan int64, 1)
	go func() { // ends with the connection
		n, _ := io.Copy(io.Discard, lazy.br)
		taken <- n
	}()
	if a := p.get(t, path); a.status != http.StatusOK || len(a.body) != whole {
		t.Errorf("as much again when it is taken = %d with %d bytes, want 200 with %d", a.status, len(a.body), whole)
	}
	if n := <-taken; n < int64(whole) {
		t.Errorf("the late response has %d bytes, want more than %d", n, whole)
	}
	_ = p.startReading(t, path).Close()
	for range 2 {
		for _, form := range []string{"", "?interval=1s", "?points=50000", "?format=csv", "?format=ndjson&interval=1s"} {
			if a := p.get(t, path+form); a.status != http.StatusOK {
				t.Errorf("%s after one whose client is gone = %d %.200s, want 200", form, a.status, a.body)
			}
		}
	}
}

// Clients that do not read leave half of the memory to other networks, and to
// other addresses of their own network nothing.
func TestHistoryMemoryOfOneNetworkIsBounded(t *testing.T) {
	t.Parallel()
	// Memory for two pages of a response.
	p := startServer(t, func(o *api.Options, _ *testServer) { o.IngestMemory = 900 << 10 })
	readings := make([]factory.Reading, 50_000)
	for i := range readings {
		readings[i] = factory.Reading{Machine: "m", Metric: "x", ObservedAt: 1_700_000_000_000 + int64(i), Value: float64(i)}
	}
	appendReadings(t, p, readings...)
	const path = "/api/v1/machines/m/history"
	api.SetHistoryWait(p.api, 50*time.Millisecond)
	p.peer = netip.MustParseAddr("2001:db8::1")
	_ = p.startReading(t, path)
	_ = p.startReading(t, path)
	p.peer = netip.MustParseAddr("2001:db8::2")
	api.SetHistoryWait(p.api, 50*time.Millisecond)
	if a := p.get(t, path); a.status != http.StatusServiceUnavailable {
		t.Errorf("another address of the network = %d, want 503", a.status)
	}
	api.SetHistoryWait(p.api, testTimeout)
	p.peer = netip.MustParseAddr("2001:db8:0:1::1")
	if a := p.get(t, path); a.status != http.StatusOK {
		t.Errorf("another network = %d %.200s, want 200", a.status, a.body)
	}
}
