package engineio_test

import (
	"context"
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
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"
)

// testTimeout bounds every wait; only a failing test reaches it.
const testTimeout = time.Minute

// testServer is an Engine.IO server on a cluster, for one test.
type testServer struct {
	t      testing.TB
	addr   string
	server *engineio.Server
	sup    *cluster.Supervisor
	panics chan any
	stop   context.CancelFunc // stops the supervisor

	mu       sync.Mutex
	sessions []*testReceiver
}

// startServer starts a server. Without Options.Open its sessions echo. prepare is
// called before it serves.
func startServer(t testing.TB, o engineio.Options, prepare ...func(*engineio.Server)) *testServer {
	t.Helper()
	loop, err := eventloop.New(eventloop.Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	ts := &testServer{t: t, panics: make(chan any, 100)}
	o.Loop = loop
	o.Detach = func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
		cluster.Detach(ctx, func(s *cluster.Session) { f(s) })
	}
	o.Await = func(ctx *fasthttp.RequestCtx) engineio.Wait { return cluster.NewWait(ctx) }
	if o.Open == nil {
		o.Open = ts.echo
	}
	ts.server = engineio.New(o)
	for _, f := range prepare {
		f(ts.server)
	}
	ts.sup, err = cluster.New(cluster.Options{
		Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: time.Millisecond, IdleGrace: time.Millisecond},
		Handler: ts.server.Handler,
		ConfigureServer: func(s *fasthttp.Server) {
			s.StreamRequestBody, s.MaxRequestBodySize = true, 64<<10
		},
		Observe: func(e cluster.Event) {
			if contained, ok := e.(cluster.PanicContained); ok {
				ts.panics <- contained.Value
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ts.sup.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ts.addr = ts.sup.Addr().String()
	ts.run(loop)
	<-ts.sup.Ready()
	return ts
}

// run serves until the test ends. It stops in the order of a process: sessions,
// HTTP, event loop.
func (ts *testServer) run(loop *eventloop.Loop) {
	ctx, stop := context.WithCancel(context.Background())
	ts.stop = stop
	loopCtx, stopLoop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		defer stopLoop()
		if err := ts.sup.Run(ctx); err != nil {
			ts.t.Errorf("the supervisor ended with %v", err)
		}
	})
	ended.Go(func() {
		if err := loop.Run(loopCtx); err != nil {
			ts.t.Errorf("the loop ended with %v", err)
		}
	})
	ts.t.Cleanup(func() {
		ts.server.Drain(context.Background(), 0)
		stop()
		ended.Wait()
	})
}

// testReceiver is a receiver that echoes and records.
type testReceiver struct {
	*engineio.Session
	messages chan string // received; binary after a "b:"
	closed   chan engineio.Reason
	silent   atomic.Bool
}

func newReceiver(s *engineio.Session) *testReceiver {
	return &testReceiver{Session: s, messages: make(chan string, 10_000), closed: make(chan engineio.Reason, 10)}
}

func (s *testReceiver) Message(data []byte, binary bool) {
	m := engineio.NewText(data)
	mark := ""
	if binary {
		m, mark = engineio.NewBinary(data), "b:"
	}
	s.messages <- mark + string(data)
	if !s.silent.Load() {
		_ = s.Send(m)
	}
}

func (s *testReceiver) Closed(reason engineio.Reason) { s.closed <- reason }

func (ts *testServer) echo(s *engineio.Session) engineio.Receiver { return ts.track(newReceiver(s)) }

func (ts *testServer) track(s *testReceiver) *testReceiver {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.sessions = append(ts.sessions, s)
	return s
}

// session returns the receiver of a session. It waits, because on a WebSocket the
// client gets its sid before Open is called.
func (ts *testServer) session(sid string) *testReceiver {
	ts.t.Helper()
	var found *testReceiver
	ts.waitUntil("the server has opened session "+sid, func() bool {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		for _, s := range ts.sessions {
			if s.ID() == sid {
				found = s
			}
		}
		return found != nil
	})
	return found
}

// wantClosed fails the test unless the session is closed for the reason.
func (s *testReceiver) wantClosed(t testing.TB, want engineio.Reason) {
	t.Helper()
	select {
	case got := <-s.closed:
		if got != want {
			t.Fatalf("the session was closed for %q, want %q", got, want)
		}
	case <-time.After(testTimeout):
		t.Fatalf("the session was not closed, want %q", want)
	}
}

// response is an HTTP response.
type response struct {
	status int
	body   string
	header http.Header
}

// request sends a request on a new connection. headers are pairs.
func (ts *testServer) request(method, query, body string, headers ...string) (response, error) {
	req, err := http.NewRequest(method, "http://"+ts.addr+"/engine.io/?"+query, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, string(b), resp.Header}, err
}

func (ts *testServer) mustRequest(method, query, body string, headers ...string) response {
	ts.t.Helper()
	a, err := ts.request(method, query, body, headers...)
	if err != nil {
		ts.t.Fatalf("%s %s: %v", method, query, err)
	}
	return a
}

const pollingQuery = "EIO=4&transport=polling"

// open opens a polling session and returns its sid.
func (ts *testServer) open() string {
	ts.t.Helper()
	return sidOf(ts.t, ts.mustRequest("GET", pollingQuery, "").body)
}

func sidOf(t testing.TB, packet string) string {
	t.Helper()
	var open struct{ Sid string }
	if !strings.HasPrefix(packet, "0") || json.Unmarshal([]byte(packet[1:]), &open) != nil || open.Sid == "" {
		t.Fatalf("%q is not an open packet", packet)
	}
	return open.Sid
}

func (ts *testServer) get(sid string) response {
	ts.t.Helper()
	return ts.mustRequest("GET", pollingQuery+"&sid="+sid, "")
}

func (ts *testServer) post(sid, body string) response {
	ts.t.Helper()
	return ts.mustRequest("POST", pollingQuery+"&sid="+sid, body)
}

// startPoll sends a GET and returns once the server has it waiting.
func (ts *testServer) startPoll(sid string) <-chan response {
	ts.t.Helper()
	got := ts.requestAsync("GET", sid, "")
	ts.waitUntil("the poll is waiting", func() bool { return ts.server.PollPending(sid) })
	return got
}

// requestAsync sends a request and does not wait for the response.
func (ts *testServer) requestAsync(method, sid, body string) <-chan response {
	got := make(chan response, 1)
	go func() {
		a, err := ts.request(method, pollingQuery+"&sid="+sid, body)
		if err != nil {
			a = response{status: -1, body: err.Error()}
		}
		got <- a
	}()
	return got
}

// waitUntil polls a condition that the test cannot wait for otherwise.
func (ts *testServer) waitUntil(what string, is func() bool) {
	ts.t.Helper()
	if is() {
		return
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testTimeout); !is(); <-tick.C {
		if time.Now().After(deadline) {
			ts.t.Fatalf("timeout waiting until %s", what)
		}
	}
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testTimeout):
		t.Fatal("timeout")
		panic("unreachable")
	}
}

// want fails the test unless the response is this one.
func (a response) want(t testing.TB, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body {
		t.Fatalf("response %d %.100q, want %d %.100q", a.status, a.body, status, body)
	}
}

// wantRefusal fails the test unless the response is a refusal with the code.
func (a response) wantRefusal(t testing.TB, status, code int, message string) {
	t.Helper()
	a.want(t, status, fmt.Sprintf(`{"code":%d,"message":%q}`, code, message))
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("Content-Type is %q, want application/json", got)
	}
}

// wsClient is a client's WebSocket.
type wsClient struct {
	*websocket.Conn
	t testing.TB
}

// dial opens a WebSocket, for the session if sid is not empty.
func (ts *testServer) dial(sid string) *wsClient {
	ts.t.Helper()
	query := "EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	c, _, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/engine.io/?"+query, nil)
	if err != nil {
		ts.t.Fatalf("dial: %v", err)
	}
	ts.t.Cleanup(func() { _ = c.NetConn().Close() })
	_ = c.SetReadDeadline(time.Now().Add(testTimeout))
	return &wsClient{c, ts.t}
}

// connect opens a session on a WebSocket.
func (ts *testServer) connect() (*wsClient, string) {
	ts.t.Helper()
	w := ts.dial("")
	sid := sidOf(ts.t, w.read())
	ts.waitUntil("the session has begun", func() bool { return ts.server.HasReceiver(sid) }) // the client gets its sid before Open returns
	return w, sid
}

func (w *wsClient) send(text string) {
	w.t.Helper()
	if err := w.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		w.t.Fatalf("send %q: %v", text, err)
	}
}

// read returns the next packet; binary after a "b:".
func (w *wsClient) read() string {
	w.t.Helper()
	kind, data, err := w.ReadMessage()
	if err != nil {
		w.t.Fatalf("read: %v", err)
	}
	if kind == websocket.BinaryMessage {
		return "b:" + string(data)
	}
	return string(data)
}

func (w *wsClient) wantPacket(packet string) {
	w.t.Helper()
	if got := w.read(); got != packet {
		w.t.Fatalf("got the packet %.100q, want %.100q", got, packet)
	}
}

// wantClose fails the test unless the next frame is a close frame with the code.
func (w *wsClient) wantClose(code int) {
	w.t.Helper()
	_, data, err := w.ReadMessage()
	if !websocket.IsCloseError(err, code) {
		w.t.Fatalf("got %.100q and %v, want close code %d", data, err, code)
	}
}

// upgrade upgrades a session to a WebSocket.
func (ts *testServer) upgrade(sid string) *wsClient {
	ts.t.Helper()
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	w.send("5")
	ts.waitUntil("the session is on the WebSocket", func() bool { return ts.session(sid).Transport() == "websocket" })
	return w
}
