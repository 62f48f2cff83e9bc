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

// stream asks for events and returns the response's head and what follows.
func (s *server) stream(method, rooms string) (*http.Response, *bufio.Reader, net.Conn) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "%s /stream?rooms=%s HTTP/1.1\r\nHost: x\r\n\r\n", method, rooms); err != nil {
		s.t.Fatal(err)
	}
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, &http.Request{Method: method})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, br, conn
}

// event reads up to the next empty line.
func event(t *testing.T, r *bufio.Reader) string {
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

func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *live.Options) { o.Heartbeat = 64 * time.Millisecond })
	resp, _, conn := s.stream("GET", "machine:m,alarms")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || resp.ContentLength != -1 ||
		resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("head = %+v", resp)
	}
	r := bufio.NewReader(resp.Body)
	if first := event(t, r); !strings.HasPrefix(first, "retry: ") {
		t.Errorf("the stream begins with %q", first)
	}
	next := func() string {
		for {
			if e := event(t, r); e != ":" {
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
	s.put("m", "v", 1, 1.0)
	if got := next(); !strings.HasPrefix(got, "event: telemetry\nid: machine:m#2\ndata: {") {
		t.Errorf("got %s", got)
	}
	for event(t, r) != ":" { // a sign of life
	}
	_ = conn.Close()
	eventually(t, "the end of the session", func() bool {
		of := s.show.Stats()
		topics, _ := s.show.CacheSize()
		return of.Sessions["sse"] == 0 && of.Subscriptions == 0 && topics == 0
	})
}

func TestServerSentEventsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *live.Options) { o.Limits = live.Limits{Sockets: 1} })
	if resp, _, _ := s.stream("GET", "nope"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown room = %d", resp.StatusCode)
	}
	if resp, _, _ := s.stream("HEAD", "all"); resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD = %d", resp.StatusCode)
	}
	_, r, _ := s.stream("GET", "all")
	event(t, r)
	eventually(t, "a session", func() bool { return s.show.Stats().Sessions["sse"] == 1 })
	if resp, _, _ := s.stream("GET", "all"); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a second session = %d", resp.StatusCode)
	}
	if topics, _ := s.show.CacheSize(); topics != 1 {
		t.Errorf("%d rooms are watched", topics)
	}
}

func TestServerSentEventsEndWithTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	_, r, _ := s.stream("GET", "all")
	event(t, r)
	event(t, r)
	s.stop()
	// There may be a sign of life before the end.
	if _, err := io.Copy(io.Discard, r); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the stream goes on")
	}
}

// What another process tells is checked like anything from outside.
func FuzzHear(f *testing.F) {
	for _, seed := range []string{
		`{"readings":[{"machine":"m","metric":"v","ts":1700000000000,"value":1}]}`, `{"readings":[{"machine":"","ts":-1}]}`,
		`{"id":"1","machine":"m","open":true}`, `{"machine":"m","state":"running"}`, `{}`, `[]`, "\xff", `{"readings":[{"value":1e999}]}`,
	} {
		for _, name := range []string{"telemetry", "state", "alarm", "oee", "other"} {
			f.Add(name, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		p := start(t, nil)
		s := p.screen()
		s.subscribe("all")
		p.show.ReceiveFromPeer("all", name, data)
		s.subscribe("alarms", "all")
		p.end()
	})
}
