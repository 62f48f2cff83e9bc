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

// patience bounds every wait; only a test that fails uses it up.
const testTimeout = time.Minute

// plant is a server with all that it stands on, for the time of a test.
type testServer struct {
	t      testing.TB
	addr   string
	server *engineio.Server
	sup    *cluster.Supervisor
	panics chan any
	stop   context.CancelFunc // ends the supervisor

	mu       sync.Mutex
	sessions []*testReceiver
}

// start runs a server. Without an Open its sessions send back what they get.
// prepare is called before it serves.
func startServer(t testing.TB, o engineio.Options, prepare ...func(*engineio.Server)) *testServer {
	t.Helper()
	loop, err := eventloop.New(eventloop.Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := &testServer{t: t, panics: make(chan any, 100)}
	o.Loop = loop
	o.Detach = func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
		cluster.Detach(ctx, func(s *cluster.Session) { f(s) })
	}
	o.Await = func(ctx *fasthttp.RequestCtx) engineio.Wait { return cluster.NewWait(ctx) }
	if o.Open == nil {
		o.Open = p.echo
	}
	p.server = engineio.New(o)
	for _, f := range prepare {
		f(p.server)
	}
	p.sup, err = cluster.New(cluster.Options{
		Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: time.Millisecond, IdleGrace: time.Millisecond},
		Handler: p.server.Handler,
		ConfigureServer: func(s *fasthttp.Server) {
			s.StreamRequestBody, s.MaxRequestBodySize = true, 64<<10
		},
		Observe: func(e cluster.Event) {
			if contained, ok := e.(cluster.PanicContained); ok {
				p.panics <- contained.Value
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.sup.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.addr = p.sup.Addr().String()
	p.run(loop)
	<-p.sup.Ready()
	return p
}

// run serves until the test ends, in the order of a process: the sessions are
// drained, then HTTP, then the loop.
func (p *testServer) run(loop *eventloop.Loop) {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	loopCtx, stopLoop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		defer stopLoop()
		if err := p.sup.Run(ctx); err != nil {
			p.t.Errorf("the supervisor ended with %v", err)
		}
	})
	ended.Go(func() {
		if err := loop.Run(loopCtx); err != nil {
			p.t.Errorf("the loop ended with %v", err)
		}
	})
	p.t.Cleanup(func() {
		p.server.Drain(context.Background(), 0)
		stop()
		ended.Wait()
	})
}

// session is a session as its receiver sees it. It sends back what it gets.
type testReceiver struct {
	*engineio.Session
	messages chan string // what came in, binary after a "b:"
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

func (p *testServer) echo(s *engineio.Session) engineio.Receiver { return p.track(newReceiver(s)) }

func (p *testServer) track(s *testReceiver) *testReceiver {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions = append(p.sessions, s)
	return s
}

// session returns the receiver of a session. On a WebSocket the client knows
// of the session before the receiver does.
func (p *testServer) session(sid string) *testReceiver {
	p.t.Helper()
	var found *testReceiver
	p.waitUntil("somebody opens the session "+sid, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, s := range p.sessions {
			if s.ID() == sid {
				found = s
			}
		}
		return found != nil
	})
	return found
}

// wantsEnd fails the test unless the session ends for the reason, once.
func (s *testReceiver) wantClosed(t testing.TB, want engineio.Reason) {
	t.Helper()
	select {
	case got := <-s.closed:
		if got != want {
			t.Fatalf("the session ended for %q, want %q", got, want)
		}
	case <-time.After(testTimeout):
		t.Fatalf("the session has not ended, want %q", want)
	}
}

// answer is what a client got for a request.
type response struct {
	status int
	body   string
	header http.Header
}

// request asks once, on a connection of its own. Headers are pairs.
func (p *testServer) request(method, query, body string, headers ...string) (response, error) {
	req, err := http.NewRequest(method, "http://"+p.addr+"/engine.io/?"+query, strings.NewReader(body))
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

func (p *testServer) mustRequest(method, query, body string, headers ...string) response {
	p.t.Helper()
	a, err := p.request(method, query, body, headers...)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, query, err)
	}
	return a
}

const pollingQuery = "EIO=4&transport=polling"

// open begins a polling session and returns its id.
func (p *testServer) open() string {
	p.t.Helper()
	return sidOf(p.t, p.mustRequest("GET", pollingQuery, "").body)
}

func sidOf(t testing.TB, packet string) string {
	t.Helper()
	var open struct{ Sid string }
	if !strings.HasPrefix(packet, "0") || json.Unmarshal([]byte(packet[1:]), &open) != nil || open.Sid == "" {
		t.Fatalf("%q is no open packet", packet)
	}
	return open.Sid
}

func (p *testServer) get(sid string) response {
	p.t.Helper()
	return p.mustRequest("GET", pollingQuery+"&sid="+sid, "")
}

func (p *testServer) post(sid, body string) response {
	p.t.Helper()
	return p.mustRequest("POST", pollingQuery+"&sid="+sid, body)
}

// poll sends a GET and returns once the server has it waiting.
func (p *testServer) startPoll(sid string) <-chan response {
	p.t.Helper()
	got := p.requestAsync("GET", sid, "")
	p.waitUntil("the poll waits", func() bool { return p.server.PollPending(sid) })
	return got
}

// begin sends a request and does not wait for the answer.
func (p *testServer) requestAsync(method, sid, body string) <-chan response {
	got := make(chan response, 1)
	go func() {
		a, err := p.request(method, pollingQuery+"&sid="+sid, body)
		if err != nil {
			a = response{status: -1, body: err.Error()}
		}
		got <- a
	}()
	return got
}

// until waits for what the test has no other way to see.
func (p *testServer) waitUntil(what string, is func() bool) {
	p.t.Helper()
	if is() {
		return
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testTimeout); !is(); <-tick.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(testTimeout):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// wants fails the test unless the answer is this one.
func (a response) want(t testing.TB, status int, body string) {
	t.Helper()
	if a.status != status || a.body != body {
		t.Fatalf("answered %d %.100q, want %d %.100q", a.status, a.body, status, body)
	}
}

// refuses fails the test unless the answer is the refusal with the code.
func (a response) wantRefusal(t testing.TB, status, code int, message string) {
	t.Helper()
	a.want(t, status, fmt.Sprintf(`{"code":%d,"message":%q}`, code, message))
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("Content-Type is %q, want application/json", got)
	}
}

// wire is a client's WebSocket.
type wsClient struct {
	*websocket.Conn
	t testing.TB
}

// dial opens a WebSocket, for a session if sid is not empty.
func (p *testServer) dial(sid string) *wsClient {
	p.t.Helper()
	query := "EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	c, _, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/engine.io/?"+query, nil)
	if err != nil {
		p.t.Fatalf("dial: %v", err)
	}
	p.t.Cleanup(func() { _ = c.NetConn().Close() })
	_ = c.SetReadDeadline(time.Now().Add(testTimeout))
	return &wsClient{c, p.t}
}

// connect opens a session on a WebSocket.
func (p *testServer) connect() (*wsClient, string) {
	p.t.Helper()
	w := p.dial("")
	sid := sidOf(p.t, w.read())
	p.waitUntil("the session has begun", func() bool { return p.server.HasReceiver(sid) }) // the client may be faster
	return w, sid
}

func (w *wsClient) send(text string) {
	w.t.Helper()
	if err := w.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		w.t.Fatalf("send %q: %v", text, err)
	}
}

// read returns the next packet, a binary one after a "b:".
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

// wantsClose fails the test unless the server closes with the code, and says
// nothing before.
func (w *wsClient) wantClose(code int) {
	w.t.Helper()
	_, data, err := w.ReadMessage()
	if !websocket.IsCloseError(err, code) {
		w.t.Fatalf("got %.100q and %v, want close code %d", data, err, code)
	}
}

// upgrade moves a session to a WebSocket.
func (p *testServer) upgrade(sid string) *wsClient {
	p.t.Helper()
	w := p.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	w.send("5")
	p.waitUntil("the session is on the WebSocket", func() bool { return p.session(sid).Transport() == "websocket" })
	return w
}
