package live_test

import (
	"strings"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live"

	"github.com/fasthttp/websocket"
)

const emptySnapshot = `"data":{"readings":[],"states":[],"alarms":[],"oee":[]}}`

func TestWebSocketProtocol(t *testing.T) {
	t.Parallel()
	c := newNetHarness(t, nil).openWebSocket("/ws")
	c.send(`{"op":"subscribe","id":1,"rooms":["machine:m"]}`)
	c.expect(`{"id":1,"ok":true}`)
	c.expect(`{"event":"snapshot","room":"machine:m","seq":1,` + emptySnapshot)
	c.send(`{"op":"telemetry","id":"t-1","machine":"m","values":{"a":1.5}}`)
	c.expectBoth(`{"id":"t-1","ok":true,"accepted":1,"rejected":0,"errors":[]}`,
		`{"event":"telemetry","room":"machine:m","seq":2,"data":{"readings":[{"machine":"m","metric":"a","ts":1700000000001,"value":1.5}]}}`)
	c.send(`{"op":"telemetry","data":{"machine":"other","values":{"a":1}}}`)
	c.expect(`{"ok":true,"accepted":1,"rejected":0,"errors":[]}`)
	c.send(`{"op":"telemetry","id":2,"data":{"values":{"a":1}}}`)
	c.expect(`{"id":2,"ok":false,"error":{"kind":"invalid","detail":"every point was rejected"},"accepted":0,"rejected":1,"errors":[{"pointer":"/machine"}]}`)
	c.send(`{"op":"telemetry","id":3,"machine":"busy","values":{"a":1}}`)
	c.expect(`{"id":3,"ok":false,"error":{"kind":"overloaded","detail":"the store's queue is full; nothing was stored"}}`)
	c.send(`{"op":"unsubscribe","id":4,"rooms":["machine:m","machine:never"]}`)
	c.expect(`{"id":4,"ok":true}`)
	c.send(`{"op":"telemetry","id":5,"machine":"m","values":{"a":7}}`)
	c.expect(`{"id":5,"ok":true,"accepted":1,"rejected":0,"errors":[]}`)
	c.send(`{"op":"ping","id":6}`)
	c.expect(`{"id":6,"ok":true}`)
}

func TestWebSocketPanicClosesOnlyItsSession(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, nil)
	other := h.openWebSocket("/ws")
	other.send(`{"op":"subscribe","id":1,"rooms":["all"]}`)
	other.receive()
	other.receive()
	for range 20 {
		c := h.openWebSocket("/ws")
		c.send(`{"op":"subscribe","id":1,"rooms":["all"]}`)
		c.send(`{"op":"telemetry","id":1,"machine":"panic","values":{"a":1}}`)
		c.expectClose(websocket.CloseInternalServerErr)
	}
	waitFor(t, "sessions released", func() bool { return h.srv.Stats().Sessions["websocket"] == 1 && h.srv.Stats().Subscriptions == 1 })
	h.put("m", "v", 1, 1.0)
	if got := other.receive(); !strings.Contains(got, `"telemetry"`) {
		t.Errorf("the other client receives %s", got)
	}
}

func TestWebSocketKeyRoles(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("r:read:read-secret,i:ingest:ingest-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	h := newNetHarness(t, func(o *live.Options) { o.Keys = access.NewKeys(list) })
	for secret, want := range map[string][2]string{
		"read-secret":   {`"ok":true`, `"kind":"forbidden"`},
		"ingest-secret": {`"kind":"forbidden"`, `"ok":true`},
	} {
		c := h.openWebSocket("/ws", "X-API-Key", secret)
		c.send(`{"op":"subscribe","id":1,"rooms":["alarms"]}`)
		subscribed := c.receive()
		if strings.Contains(subscribed, "true") {
			c.receive()
		}
		c.send(`{"op":"telemetry","id":1,"machine":"m","values":{"a":1}}`)
		if sent := c.receive(); !strings.Contains(subscribed, want[0]) || !strings.Contains(sent, want[1]) {
			t.Errorf("with %q: subscribe %s, telemetry %s", secret, subscribed, sent)
		}
	}
}

func TestShutdownClosesWithGoingAway(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, nil)
	c := h.openWebSocket("/ws")
	c.send(`{"op":"subscribe","id":1,"rooms":["all"]}`)
	c.receive()
	h.shutdown()
	c.expectClose(websocket.CloseGoingAway)
}
