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

// netHarness is a harness that serves clients over TCP.
type netHarness struct {
	*harness
	addr     string
	shutdown func() // ends the supervisor, like SIGTERM
}

// newNetHarness starts a netHarness. The headers X-Addr and X-API-Key of a request
// are its client's address and key.
func newNetHarness(t *testing.T, change func(*live.Options)) *netHarness {
	t.Helper()
	loop, err := eventloop.New(eventloop.Options{StallAfter: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	h := &netHarness{}
	var keys *access.Keys
	h.harness = newHarness(t, func(o *live.Options) {
		o.Conn.Loop = loop
		o.Conn.Detach = func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
			cluster.Detach(ctx, func(session *cluster.Session) { f(session) })
		}
		o.Conn.Await = func(ctx *fasthttp.RequestCtx) engineio.Wait { return cluster.NewWait(ctx) }
		o.Ingest = func(ctx context.Context, body []byte) live.IngestResult { return h.ingest(ctx, body) }
		if change != nil {
			change(o)
		}
		keys = o.Keys
	})
	sup, err := cluster.New(cluster.Options{
		Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: time.Millisecond, IdleGrace: time.Millisecond},
		Handler: func(ctx *fasthttp.RequestCtx) { h.handle(ctx, keys) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Listen(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.addr = sup.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	loopCtx, stopLoop := context.WithCancel(context.Background())
	supEnded, loopEnded := make(chan error, 1), make(chan error, 1)
	go func() { supEnded <- sup.Run(ctx) }()
	go func() { loopEnded <- loop.Run(loopCtx) }()
	h.shutdown = cancel
	t.Cleanup(func() {
		cancel()
		if err := <-supEnded; err != nil {
			t.Errorf("supervisor: %v", err)
		}
		h.stop()
		stopLoop()
		if err := <-loopEnded; err != nil {
			t.Errorf("event loop: %v", err)
		}
	})
	<-sup.Ready()
	return h
}

// handle stands in for packages api and server.
func (h *netHarness) handle(ctx *fasthttp.RequestCtx, keys *access.Keys) {
	caller := live.Caller{Addr: netip.MustParseAddr("192.0.2.1")}
	if addr, err := netip.ParseAddr(string(ctx.Request.Header.Peek("X-Addr"))); err == nil {
		caller.Addr = addr
	}
	caller.Principal, _ = keys.Authenticate(ctx.Request.Header.Peek("X-API-Key"))
	var err error
	switch string(ctx.Path()) {
	case "/ws":
		err = h.srv.ServeWebSocket(ctx, caller)
	case "/stream":
		err = h.srv.ServeSSE(ctx, caller, strings.Split(string(ctx.QueryArgs().Peek("rooms")), ","))
	default:
		h.srv.ServeSocketIO(ctx, caller)
	}
	if refusal, ok := errors.AsType[*live.Refusal](err); ok {
		status, retryAfter := refusal.HTTPStatus()
		ctx.Error(err.Error(), status)
		ctx.Response.Header.Set("Retry-After", fmt.Sprint(retryAfter))
	} else if err != nil {
		ctx.Error(err.Error(), http.StatusBadRequest)
	}
}

// ingest appends one reading per value. The machine "panic" panics, "busy" is
// refused.
func (h *netHarness) ingest(ctx context.Context, body []byte) live.IngestResult {
	var r struct {
		Machine string
		Values  map[string]float64
	}
	if json.Unmarshal(body, &r) != nil || r.Machine == "" {
		return live.IngestResult{Err: factory.ErrInvalid, Detail: "every point was rejected", Rejected: 1, Errors: json.RawMessage(`[{"pointer":"/machine"}]`)}
	}
	if r.Machine == "panic" {
		panic("a fault in a handler")
	}
	if r.Machine == "busy" {
		return live.IngestResult{Err: factory.ErrOverloaded}
	}
	accepted := 0
	for metric, value := range r.Values {
		if _, err := h.store.Append(ctx, []factory.Reading{{Machine: r.Machine, Metric: metric, ObservedAt: base + int64(value), Value: value}}); err != nil {
			return live.IngestResult{Err: err}
		}
		accepted++
	}
	return live.IngestResult{Accepted: accepted}
}

// wsClient is a client on a WebSocket.
type wsClient struct {
	t *testing.T
	*websocket.Conn
}

func (h *netHarness) dialWebSocket(path string, headers ...string) (*wsClient, *http.Response, error) {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	conn, resp, err := websocket.DefaultDialer.Dial("ws://"+h.addr+path, header)
	if err != nil {
		return nil, resp, err
	}
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	h.t.Cleanup(func() { _ = conn.Close() })
	return &wsClient{h.t, conn}, resp, nil
}

func (h *netHarness) openWebSocket(path string, headers ...string) *wsClient {
	h.t.Helper()
	c, _, err := h.dialWebSocket(path, headers...)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (c *wsClient) send(text string) {
	c.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *wsClient) receive() string {
	c.t.Helper()
	_, text, err := c.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// expect checks that the next message is text.
func (c *wsClient) expect(text string) {
	c.t.Helper()
	if got := c.receive(); got != text {
		c.t.Fatalf("got %s\nwant %s", got, text)
	}
}

// expectBoth checks that the next two messages are these, in any order.
func (c *wsClient) expectBoth(a, b string) {
	c.t.Helper()
	first, second := c.receive(), c.receive()
	if (first != a || second != b) && (first != b || second != a) {
		c.t.Fatalf("got %s\nand %s\nwant %s\nand %s", first, second, a, b)
	}
}

// expectClose reads until the connection is closed, and checks the close code.
func (c *wsClient) expectClose(code int) {
	c.t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		if !websocket.IsCloseError(err, code) {
			c.t.Fatalf("closed with %v, want %d", err, code)
		}
		return
	}
}
