package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// server is a plant whose sessions are served over the network.
type server struct {
	*plant
	addr string
	stop func() // ends the supervisor, as a signal does
}

// serve serves a plant. Requests tell their address and key by X-Addr and
// X-API-Key.
func serve(t *testing.T, change func(*live.Options)) *server {
	t.Helper()
	loop, err := eventloop.New(eventloop.Options{StallAfter: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{}
	var keys *access.Keys
	s.plant = start(t, func(o *live.Options) {
		o.Conn.Loop = loop
		o.Conn.Detach = func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
			cluster.Detach(ctx, func(session *cluster.Session) { f(session) })
		}
		o.Conn.Await = func(ctx *fasthttp.RequestCtx) engineio.Wait { return cluster.NewWait(ctx) }
		o.Ingest = func(ctx context.Context, body []byte) live.IngestResult { return s.ingest(ctx, body) }
		if change != nil {
			change(o)
		}
		keys = o.Keys
	})
	sup, err := cluster.New(cluster.Options{
		Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: time.Millisecond, IdleGrace: time.Millisecond},
		Handler: func(ctx *fasthttp.RequestCtx) { s.handle(ctx, keys) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Listen(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.addr = sup.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	loopCtx, stopLoop := context.WithCancel(context.Background())
	supEnded, loopEnded := make(chan error, 1), make(chan error, 1)
	go func() { supEnded <- sup.Run(ctx) }()
	go func() { loopEnded <- loop.Run(loopCtx) }()
	s.stop = cancel
	t.Cleanup(func() {
		cancel()
		if err := <-supEnded; err != nil {
			t.Errorf("supervisor: %v", err)
		}
		s.end()
		stopLoop()
		if err := <-loopEnded; err != nil {
			t.Errorf("event loop: %v", err)
		}
	})
	<-sup.Ready()
	return s
}

// handle is what httpapi and app do of it.
func (s *server) handle(ctx *fasthttp.RequestCtx, keys *access.Keys) {
	caller := live.Caller{Addr: netip.MustParseAddr("192.0.2.1")}
	if addr, err := netip.ParseAddr(string(ctx.Request.Header.Peek("X-Addr"))); err == nil {
		caller.Addr = addr
	}
	caller.Principal, _ = keys.Authenticate(ctx.Request.Header.Peek("X-API-Key"))
	var err error
	switch string(ctx.Path()) {
	case "/ws":
		err = s.show.ServeWebSocket(ctx, caller)
	case "/stream":
		err = s.show.ServeSSE(ctx, caller, strings.Split(string(ctx.QueryArgs().Peek("rooms")), ","))
	default:
		s.show.ServeSocketIO(ctx, caller)
	}
	if refusal, ok := errors.AsType[*live.Refusal](err); ok {
		status, retryAfter := refusal.HTTPStatus()
		ctx.Error(err.Error(), status)
		ctx.Response.Header.Set("Retry-After", fmt.Sprint(retryAfter))
	} else if err != nil {
		ctx.Error(err.Error(), http.StatusBadRequest)
	}
}

// ingest takes {"machine","metric","n"}; n of a panic panics.
func (s *server) ingest(ctx context.Context, body []byte) live.IngestResult {
	var r struct {
		Machine string
		Values  map[string]float64
	}
	if json.Unmarshal(body, &r) != nil || r.Machine == "" {
		return live.IngestResult{Err: factory.ErrInvalid, Detail: "every point was refused", Rejected: 1, Errors: json.RawMessage(`[{"pointer":"/machine"}]`)}
	}
	if r.Machine == "panic" {
		panic("a fault in a handler")
	}
	if r.Machine == "busy" {
		return live.IngestResult{Err: factory.ErrOverloaded}
	}
	accepted := 0
	for metric, value := range r.Values {
		if _, err := s.store.Append(ctx, []factory.Reading{{Machine: r.Machine, Metric: metric, ObservedAt: base + int64(value), Value: value}}); err != nil {
			return live.IngestResult{Err: err}
		}
		accepted++
	}
	return live.IngestResult{Accepted: accepted}
}

// peer is a client on a WebSocket.
type peer struct {
	t *testing.T
	*websocket.Conn
}

func (s *server) dial(path string, headers ...string) (*peer, *http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	conn, resp, err := websocket.DefaultDialer.Dial("ws://"+s.addr+path, h)
	if err != nil {
		return nil, resp, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	s.t.Cleanup(func() { _ = conn.Close() })
	return &peer{s.t, conn}, resp, nil
}

func (s *server) connect(path string, headers ...string) *peer {
	s.t.Helper()
	p, _, err := s.dial(path, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (p *peer) say(text string) {
	p.t.Helper()
	if err := p.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) hear() string {
	p.t.Helper()
	_, text, err := p.ReadMessage()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// hears wants the next message to be text.
func (p *peer) hears(text string) {
	p.t.Helper()
	if got := p.hear(); got != text {
		p.t.Fatalf("got %s\nwant %s", got, text)
	}
}

// hearsBoth wants the next two messages to be these, in any order.
func (p *peer) hearsBoth(a, b string) {
	p.t.Helper()
	first, second := p.hear(), p.hear()
	if (first != a || second != b) && (first != b || second != a) {
		p.t.Fatalf("got %s\nand %s\nwant %s\nand %s", first, second, a, b)
	}
}

// closed wants the end, with a code.
func (p *peer) closed(code int) {
	p.t.Helper()
	for {
		_, _, err := p.ReadMessage()
		if err == nil {
			continue
		}
		if !websocket.IsCloseError(err, code) {
			p.t.Fatalf("the end is %v, want %d", err, code)
		}
		return
	}
}
