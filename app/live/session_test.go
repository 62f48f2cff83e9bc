package live_test

import (
	"sync/atomic"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

func TestCloseRevokedClosesSessions(t *testing.T) {
	t.Parallel()
	parse := func(text string) access.List {
		list, err := access.Parse(text, 1)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	keys := access.NewKeys(parse("a:read:secret-of-a,b:read:secret-of-b"))
	h := newNetHarness(t, func(o *live.Options) { o.Keys = keys })
	kept, revoked := h.openWebSocket("/ws", "X-API-Key", "secret-of-a"), h.openWebSocket("/ws", "X-API-Key", "secret-of-b")
	socket := h.openSocket(`{"token":"secret-of-b"}`)
	waitFor(t, "sessions", func() bool {
		sessions := h.srv.Stats().Sessions
		return sessions["websocket"] == 2 && sessions["socketio"] == 1
	})
	keys.Replace(parse("a:read:secret-of-a"))
	if n := h.srv.CloseRevoked(); n != 2 {
		t.Errorf("CloseRevoked() = %d, want 2", n)
	}
	revoked.expectClose(websocket.ClosePolicyViolation)
	for {
		if _, _, err := socket.ReadMessage(); err != nil {
			break
		}
	}
	kept.send(`{"op":"ping","id":1}`)
	kept.expect(`{"id":1,"ok":true}`)

	keys.Replace(parse("a:read:rotated-secret"))
	h.srv.CloseRevoked()
	kept.expectClose(websocket.ClosePolicyViolation)
}

// A session whose key is revoked after the key was checked, and before the session
// can be found by CloseRevoked, ends as well.
func TestSessionsThatStartDuringARevocationEnd(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("a:read:the-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	keys := access.NewKeys(access.List{})
	h := newNetHarness(t, func(o *live.Options) {
		o.Keys = keys
		detach := o.Conn.Detach
		o.Conn.Detach = func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
			detach(ctx, func(t eventloop.Transport) {
				keys.Replace(list) // the connection's request was accepted without a key
				f(t)
			})
		}
	})
	h.openWebSocket("/ws").expectClose(websocket.ClosePolicyViolation)
}

func TestCheckRateRefusesRequests(t *testing.T) {
	t.Parallel()
	var left atomic.Int64
	left.Store(2)
	h := newNetHarness(t, func(o *live.Options) {
		o.CheckRate = func(c live.Caller) string {
			if c.Addr.String() != "192.0.2.7" {
				return "the caller is " + c.Addr.String()
			}
			if left.Add(-1) < 0 {
				return "too many"
			}
			return ""
		}
	})
	const refused = `"ok":false,"error":{"kind":"overloaded","detail":"too many"}}`
	c := h.openWebSocket("/ws", "X-Addr", "192.0.2.7")
	c.send(`{"op":"ping","id":1}`)
	c.expect(`{"id":1,"ok":true}`)
	c.send(`{"op":"subscribe","id":2,"rooms":["alarms"]}`)
	c.expect(`{"id":2,"ok":true}`)
	c.receive()
	c.send(`{"op":"telemetry","id":3,"machine":"m","values":{"a":1}}`)
	c.expect(`{"id":3,` + refused)
	socket := h.openSocket("", "X-Addr", "192.0.2.7")
	socket.send(`421["telemetry",{"machine":"m","values":{"a":1}}]`)
	socket.expect(`431[{` + refused + `]`)
	socket.send(`422["subscribe",{"rooms":["all"]}]`)
	socket.expect(`432[{` + refused + `]`)
}
