package main

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// fakeServer is a WebSocket server that echoes, has a room and speaks as much
// Socket.IO as the protocol needs.
type fakeServer struct {
	mu      sync.Mutex
	members []*websocket.Conn
	// corrupt, if set, returns the messages to send instead of text.
	corrupt func(text string) []string
}

// startFakeServer serves s on a loopback port until the test ends.
func startFakeServer(t *testing.T, s *fakeServer) *process {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &fasthttp.Server{Handler: s.serve}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	t.Cleanup(func() {
		_ = ln.Close()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	c := currentProcess(t)
	c.address = ln.Addr().(*net.TCPAddr).AddrPort()
	return c
}

func (s *fakeServer) serve(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	if path == "/nothing" {
		return
	}
	var u websocket.FastHTTPUpgrader
	_ = u.Upgrade(ctx, func(c *websocket.Conn) {
		switch path {
		case "/room":
			s.join(c, "joined")
		case "/socket.io/":
			_ = c.WriteMessage(websocket.TextMessage, []byte(`0{"sid":"a"}`))
		}
		for {
			_, data, err := c.ReadMessage()
			if err != nil {
				return
			}
			s.handle(c, path, string(data))
		}
	})
}

func (s *fakeServer) handle(c *websocket.Conn, path, text string) {
	switch {
	case path == "/publish":
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, member := range s.members {
			s.send(member, text)
		}
	case text == "40":
		_ = c.WriteMessage(websocket.TextMessage, []byte(`2`))
		_ = c.WriteMessage(websocket.PingMessage, []byte(`ping`))
	case text == "3":
		_ = c.WriteMessage(websocket.TextMessage, []byte(`40{"sid":"b"}`))
	default:
		s.send(c, text)
	}
}

func (s *fakeServer) join(c *websocket.Conn, greeting string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members = append(s.members, c)
	_ = c.WriteMessage(websocket.TextMessage, []byte(greeting))
}

func (s *fakeServer) send(c *websocket.Conn, text string) {
	texts := []string{text}
	if s.corrupt != nil {
		texts = s.corrupt(text)
	}
	for _, text := range texts {
		_ = c.WriteMessage(websocket.TextMessage, []byte(text))
	}
}

// shortRunner returns a runner that measures only briefly.
func shortRunner() *runner {
	return &runner{settings: settings{rounds: 1, seconds: 400 * time.Millisecond, subscribers: 20, progress: io.Discard}, fanoutDrain: drainTimeout}
}

func TestEchoRound(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]protocol{"raw": rawWebSocket("/echo"), "session": socketIO("")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := (&table{}).row("", name)
			us, err := shortRunner().echoRound(t.Context(), startFakeServer(t, &fakeServer{}), d, r)
			if err != nil || us <= 0 || r.Figures["messages_per_second"].median() <= 0 || r.Figures["p99_ms"].median() <= 0 {
				t.Errorf("echoRound() = %v, %v, figures %v", us, err, r.Figures)
			}
		})
	}
}

func TestFanoutRound(t *testing.T) {
	t.Parallel()
	tab := &table{}
	c := webSocketTarget{name: "fake", subscriber: rawWebSocket("/room"), publisher: rawWebSocket("/publish")}
	if err := shortRunner().fanoutRound(t.Context(), startFakeServer(t, &fakeServer{}), c, tab); err != nil {
		t.Fatal(err)
	}
	for _, rate := range fanoutRates {
		r := tab.row(rate.name, "fake")
		if r.Figures["cpu_us_per_delivery"].median() <= 0 || r.Figures["p50_ms"].median() <= 0 {
			t.Errorf("%s: figures %v", rate.name, r.Figures)
		}
	}
}

func TestEchoRoundFailsOnUnexpectedMessages(t *testing.T) {
	t.Parallel()
	never := protocol{path: "/echo", receive: func([]byte) (string, bool) { return "", false }, greeting: "#"}
	tests := map[string]struct {
		dialect protocol
		spoil   func(text string) []string
		want    string
	}{
		"another message comes back": {dialect: rawWebSocket("/echo"), spoil: func(string) []string { return []string{string(appendPayload(nil, 99))} }, want: "received message 99, want 1"},
		"a message comes back twice": {dialect: rawWebSocket("/echo"), spoil: func(text string) []string { return []string{text, text} }, want: "received message 1, want 2"},
		"a message is too long":      {dialect: rawWebSocket("/echo"), spoil: func(string) []string { return []string{strings.Repeat("x", maxFrame+1)} }, want: errLongFrame.Error()},
		"no WebSocket":               {dialect: rawWebSocket("/nothing"), want: "unexpected response to the handshake"},
		"an unexpected message":      {dialect: never, spoil: func(string) []string { return []string{string(appendPayload(nil, 1))} }, want: errUnexpectedMessage.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFakeServer(t, &fakeServer{corrupt: tt.spoil})
			if _, err := shortRunner().echoRound(t.Context(), server, tt.dialect, (&table{}).row("", "")); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("echoRound() = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestFanoutRoundNoticesALostMessage(t *testing.T) {
	t.Parallel()
	n := 0
	lossy := &fakeServer{corrupt: func(text string) []string {
		if n++; n == 30 {
			return nil
		}
		return []string{text}
	}}
	c := webSocketTarget{name: "fake", subscriber: rawWebSocket("/room"), publisher: rawWebSocket("/publish")}
	r := shortRunner()
	r.fanoutDrain = 100 * time.Millisecond
	if err := r.fanoutRound(t.Context(), startFakeServer(t, lossy), c, &table{}); err == nil || !strings.Contains(err.Error(), "received message") && !strings.Contains(err.Error(), "did not reach all subscribers") {
		t.Errorf("fanoutRound() = %v, want an error for the lost message", err)
	}
}

func TestClientPoolStopsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := startFakeServer(t, &fakeServer{corrupt: func(string) []string { cancel(); return nil }})
	if _, err := shortRunner().echoRound(ctx, server, rawWebSocket("/echo"), (&table{}).row("", "")); err == nil {
		t.Error("echoRound() = nil, want the context's error")
	}
}

// TestCentrifugeProtocol checks the messages, and when a subscriber is ready.
func TestCentrifugeProtocol(t *testing.T) {
	t.Parallel()
	d := centrifugeJSON(true)
	if _, ready := d.receive([]byte(`{"id":1,"connect":{}}`)); ready {
		t.Error("ready before the subscription")
	}
	if _, ready := d.receive([]byte(`{"id":2,"subscribe":{}}`)); !ready {
		t.Error("not ready after the subscription")
	}
	if reply, _ := d.receive([]byte(`{}`)); reply != "{}" {
		t.Errorf("receive() of a heartbeat = %q, want {}", reply)
	}
	if got := string(d.publish(nil, 5)); !strings.HasPrefix(got, `{"id":8,"publish":{"channel":"bench","data":"#0000000000000005`) || !strings.HasSuffix(got, `"}}`) {
		t.Errorf("publish() = %s", got)
	}
}
