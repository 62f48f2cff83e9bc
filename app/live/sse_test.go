package live_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/live"
)

// openStream requests the events of rooms. It returns the response, what follows
// it, and the connection.
func (h *netHarness) openStream(method, rooms string) (*http.Response, *bufio.Reader, net.Conn) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(timeout))
	if _, err := fmt.Fprintf(conn, "%s /stream?rooms=%s HTTP/1.1\r\nHost: x\r\n\r\n", method, rooms); err != nil {
		h.t.Fatal(err)
	}
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, br, conn
}

// readEvent reads up to the next empty line.
func readEvent(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var lines []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, lines)
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return strings.Join(lines, "\n")
		}
		lines = append(lines, line)
	}
}

func TestSSEStream(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, func(o *live.Options) { o.Heartbeat = 64 * time.Millisecond })
	resp, _, conn := h.openStream("GET", "machine:m,alarms")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || resp.ContentLength != -1 ||
		resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("head = %+v", resp)
	}
	r := bufio.NewReader(resp.Body)
	if first := readEvent(t, r); !strings.HasPrefix(first, "retry: ") {
		t.Errorf("first line: %q", first)
	}
	next := func() string {
		for {
			if e := readEvent(t, r); e != ":" {
				return e
			}
		}
	}
	for _, room := range []string{"machine:m", "alarms"} {
		want := "event: snapshot\nid: " + room + "#1\ndata: {\"event\":\"snapshot\",\"room\":\"" + room + "\",\"seq\":1," + emptySnapshot
		if got := next(); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	h.put("m", "v", 1, 1.0)
	if got := next(); !strings.HasPrefix(got, "event: telemetry\nid: machine:m#2\ndata: {") {
		t.Errorf("got %s", got)
	}
	for readEvent(t, r) != ":" { // a ping
	}
	_ = conn.Close()
	waitFor(t, "the session to end", func() bool {
		stats := h.srv.Stats()
		rooms, _ := h.srv.CacheSize()
		return stats.Sessions["sse"] == 0 && stats.Subscriptions == 0 && rooms == 0
	})
}

func TestSSERefusals(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, func(o *live.Options) { o.Limits = live.Limits{Sockets: 1} })
	if resp, _, _ := h.openStream("GET", "nope"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("invalid room: status %d", resp.StatusCode)
	}
	if resp, _, _ := h.openStream("HEAD", "all"); resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD = %d", resp.StatusCode)
	}
	_, r, _ := h.openStream("GET", "all")
	readEvent(t, r)
	waitFor(t, "the session", func() bool { return h.srv.Stats().Sessions["sse"] == 1 })
	if resp, _, _ := h.openStream("GET", "all"); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("second session: status %d", resp.StatusCode)
	}
	if rooms, _ := h.srv.CacheSize(); rooms != 1 {
		t.Errorf("%d rooms are watched", rooms)
	}
}

func TestSSEEndsOnShutdown(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, nil)
	_, r, _ := h.openStream("GET", "all")
	readEvent(t, r)
	readEvent(t, r)
	h.shutdown()
	// A ping may precede the end.
	if _, err := io.Copy(io.Discard, r); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the stream does not end")
	}
}
