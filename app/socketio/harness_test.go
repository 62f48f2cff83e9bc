package socketio_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/socketio"
)

// testTimeout bounds every wait; only a test that fails uses it up.
const testTimeout = time.Minute

// testServer is a server with all that it stands on, for the time of a test.
type testServer struct {
	t           testing.TB
	addr        string
	io          *socketio.Server
	panics      chan any
	disconnects chan socketio.Reason // reasons, of the main namespace
}

// startServer runs a server. prepare registers the handlers before a client comes.
func startServer(t testing.TB, o socketio.Options, prepare func(io *socketio.Server)) *testServer {
	t.Helper()
	ts := &testServer{t: t, panics: make(chan any, 100), disconnects: make(chan socketio.Reason, 10_000)}
	o.Panicked = func(v any, _ []byte) { ts.panics <- v }
	var err error
	if ts.io, err = socketio.NewServer(o); err != nil {
		t.Fatal(err)
	}
	ts.io.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { ts.disconnects <- r })
	if prepare != nil {
		prepare(ts.io)
	}
	sup, err := cluster.New(cluster.Options{
		Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: time.Millisecond, IdleGrace: time.Millisecond},
		Handler:         ts.io.Handler,
		ConfigureServer: func(s *fasthttp.Server) { s.StreamRequestBody, s.MaxRequestBodySize = true, 64<<10 },
		Observe: func(e cluster.Event) {
			if contained, ok := e.(cluster.PanicContained); ok {
				ts.panics <- contained.Value
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ts.addr = sup.Addr().String()
	ts.run(sup)
	<-sup.Ready()
	return ts
}

// run serves until the test ends: Socket.IO ends first, then HTTP.
func (ts *testServer) run(sup *cluster.Supervisor) {
	ctx, stop := context.WithCancel(context.Background())
	serving, stopServing := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := sup.Run(serving); err != nil {
			ts.t.Errorf("Supervisor.Run = %v", err)
		}
	})
	ended.Go(func() {
		defer stopServing()
		if err := ts.io.Run(ctx); err != nil {
			ts.t.Errorf("Server.Run = %v", err)
		}
	})
	ts.t.Cleanup(func() {
		stop()
		ended.Wait()
	})
}

// testClient is a client of the protocol and nothing more: it sends and shows
// packets as they are.
type testClient struct {
	t           testing.TB
	packets     chan string // packets; binary ones after a "b:"
	closed      chan struct{}
	post        func(packet string) error // an Engine.IO packet, binary ones after a "b:"
	stop        func()
	ignorePings atomic.Bool // do not answer pings
}

// transports are the transports that each rule is checked on.
var transports = []string{"websocket", "polling"}

// forEachTransport runs a test on each transport, each with a server of its own.
func forEachTransport(t *testing.T, o socketio.Options, prepare func(*socketio.Server), f func(t *testing.T, ts *testServer, dial func() *testClient)) {
	t.Helper()
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ts := startServer(t, o, prepare)
			ts.t = t
			f(t, ts, func() *testClient { return ts.dial(transport) })
		})
	}
}

// dial opens a session.
func (ts *testServer) dial(transport string) *testClient {
	ts.t.Helper()
	c := &testClient{t: ts.t, packets: make(chan string, 100_000), closed: make(chan struct{})}
	if transport == "polling" {
		ts.dialPolling(c)
	} else {
		ts.dialWebSocket(c)
	}
	ts.t.Cleanup(c.stop)
	return c
}

func (ts *testServer) dialWebSocket(c *testClient) {
	ts.t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/socket.io/?EIO=4&transport=websocket&x=1", http.Header{"Origin": {"http://page"}})
	if err != nil {
		ts.t.Fatalf("dial: %v", err)
	}
	if _, _, err := conn.ReadMessage(); err != nil {
		ts.t.Fatalf("open packet: %v", err)
	}
	var mu sync.Mutex
	c.post = func(packet string) error {
		mu.Lock()
		defer mu.Unlock()
		if data, binary := strings.CutPrefix(packet, "b:"); binary {
			return conn.WriteMessage(websocket.BinaryMessage, []byte(data))
		}
		return conn.WriteMessage(websocket.TextMessage, []byte(packet))
	}
	done := make(chan struct{})
	c.stop = func() { _ = conn.NetConn().Close(); <-done }
	go func() {
		defer close(done)
		defer close(c.closed)
		for {
			kind, data, err := conn.ReadMessage()
			if err != nil {
				if e, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // as it comes
					c.packets <- fmt.Sprintf("close %d", e.Code)
				}
				return
			}
			c.handlePacket(string(data), kind == websocket.BinaryMessage)
		}
	}()
}

func (ts *testServer) dialPolling(c *testClient) {
	ts.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{}
	client := http.Client{Transport: transport, Timeout: 2 * testTimeout}
	address := "http://" + ts.addr + "/socket.io/?EIO=4&transport=polling&x=1"
	ask := func(method, body string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		req.Header.Set("Origin", "http://page")
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%d %s", resp.StatusCode, b)
		}
		return string(b), err
	}
	open, err := ask("GET", "")
	if err != nil {
		ts.t.Fatalf("open: %v", err)
	}
	var handshake struct{ Sid string }
	if err := json.Unmarshal([]byte(open[1:]), &handshake); err != nil {
		ts.t.Fatalf("open packet %q: %v", open, err)
	}
	address += "&sid=" + handshake.Sid
	c.post = func(packet string) error {
		if data, binary := strings.CutPrefix(packet, "b:"); binary {
			packet = "b" + base64Of(data)
		}
		_, err := ask("POST", packet)
		return err
	}
	done := make(chan struct{})
	c.stop = func() { cancel(); <-done; transport.CloseIdleConnections() }
	go func() {
		defer close(done)
		defer close(c.closed)
		for {
			body, err := ask("GET", "")
			if err != nil {
				return
			}
			for packet := range strings.SplitSeq(body, "\x1e") {
				if packet == "1" {
					return
				}
				if data, binary := strings.CutPrefix(packet, "b"); binary {
					c.handlePacket(unbase64(data), true)
				} else {
					c.handlePacket(packet, false)
				}
			}
		}
	}()
}

// handlePacket acts on an Engine.IO packet.
func (c *testClient) handlePacket(packet string, binary bool) {
	switch {
	case binary:
		c.packets <- "b:" + packet
	case packet == "2":
		if !c.ignorePings.Load() {
			_ = c.post("3")
		}
	case strings.HasPrefix(packet, "4"):
		c.packets <- packet[1:]
	}
}

// send sends Socket.IO packets; binary ones are marked by "b:".
func (c *testClient) send(packets ...string) {
	c.t.Helper()
	for _, packet := range packets {
		if !strings.HasPrefix(packet, "b:") {
			packet = "4" + packet
		}
		if err := c.post(packet); err != nil {
			c.t.Fatalf("send %.100q: %v", packet, err)
		}
	}
}

// sendIgnoringErrors is send for what may end the session.
func (c *testClient) sendIgnoringErrors(packets ...string) {
	for _, packet := range packets {
		if !strings.HasPrefix(packet, "b:") {
			packet = "4" + packet
		}
		_ = c.post(packet)
	}
}

func (c *testClient) read() string {
	c.t.Helper()
	select {
	case packet := <-c.packets:
		return packet
	default:
	}
	select {
	case packet := <-c.packets:
		return packet
	case <-c.closed:
		select {
		case packet := <-c.packets:
			return packet
		default:
		}
		c.t.Fatal("the session is closed")
	case <-time.After(testTimeout):
		c.t.Fatal("timed out")
	}
	return ""
}

// expect fails the test unless the next packets are these.
func (c *testClient) expect(packets ...string) {
	c.t.Helper()
	for _, want := range packets {
		if got := c.read(); got != want {
			c.t.Fatalf("got %.300q, want %.300q", got, want)
		}
	}
}

// expectClosed fails the test unless the session ends without another packet.
func (c *testClient) expectClosed() {
	c.t.Helper()
	select {
	case <-c.closed:
	case <-time.After(testTimeout):
		c.t.Fatal("the session is not closed")
	}
	for {
		select {
		case packet := <-c.packets:
			if !strings.HasPrefix(packet, "close ") {
				c.t.Fatalf("got %.300q before the end, want nothing", packet)
			}
		default:
			return
		}
	}
}

// connectedData is the answer to a CONNECT.
type connectedData struct {
	SID string `json:"sid"`
	PID string `json:"pid"`
}

// connect joins a namespace, "/" if it is empty, with auth where that is not.
func (c *testClient) connect(namespace, auth string) connectedData {
	c.t.Helper()
	prefix := "0"
	if namespace != "" && namespace != "/" {
		prefix += namespace + ","
	}
	c.send(prefix + auth)
	return c.readConnected(prefix)
}

func (c *testClient) readConnected(prefix string) connectedData {
	c.t.Helper()
	var w connectedData
	got := c.read()
	if !strings.HasPrefix(got, prefix) || json.Unmarshal([]byte(got[len(prefix):]), &w) != nil || w.SID == "" {
		c.t.Fatalf("got %q, want %s{\"sid\":…}", got, prefix)
	}
	return w
}

// receive returns the next value of a channel.
func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testTimeout):
		t.Fatal("timed out")
		panic("unreachable")
	}
}

// waitUntil waits for what the test has no other way to see.
func waitUntil(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testTimeout); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// registerEcho sends every "message" back, and acknowledges every "ask", with the
// arguments that came.
func registerEcho(h interface {
	On(event string, f socketio.Handler)
},
) {
	h.On("message", func(e *socketio.Event) { _ = e.Socket.Emit("message-back", e.Args) })
	h.On("ask", func(e *socketio.Event) { _ = e.Ack(e.Args) })
}

func base64Of(data string) string { return base64.StdEncoding.EncodeToString([]byte(data)) }

func unbase64(text string) string {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
