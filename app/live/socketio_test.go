package live_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/socketio"
)

// requestSocket opens an Engine.IO session on a WebSocket and requests the main
// namespace. It returns the response.
func (h *netHarness) requestSocket(auth string, headers ...string) (*wsClient, string) {
	h.t.Helper()
	c := h.openWebSocket("/socket.io/?EIO=4&transport=websocket", headers...)
	if open := c.receive(); !strings.HasPrefix(open, `0{"sid":`) {
		h.t.Fatalf("first packet: %s", open)
	}
	c.send("40" + auth)
	return c, c.receive()
}

func (h *netHarness) openSocket(auth string, headers ...string) *wsClient {
	h.t.Helper()
	c, answer := h.requestSocket(auth, headers...)
	if !strings.HasPrefix(answer, `40{"sid":`) {
		h.t.Fatalf("connect with %s: response %s", auth, answer)
	}
	return c
}

func TestSocketIOProtocol(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, nil)
	c := h.openSocket("")
	c.send(`420["subscribe",{"rooms":["machine:m"]}]`)
	c.expect(`430[{"ok":true}]`)
	c.expect(`42["snapshot",{"room":"machine:m","seq":1,` + emptySnapshot + `]`)
	c.send(`421["telemetry",{"machine":"m","values":{"a":1.5}}]`)
	c.expectBoth(`431[{"ok":true,"accepted":1,"rejected":0,"errors":[]}]`,
		`42["telemetry",{"room":"machine:m","seq":2,"data":{"readings":[{"machine":"m","metric":"a","ts":1700000000001,"value":1.5}]}}]`)
	for ask, want := range map[string]string{
		`422["subscribe",{"rooms":["nope"]}]`:       `432[{"ok":false,"error":{"kind":"invalid","detail":"room \"nope\": want machine:ID, line:SITE/AREA/LINE, alarms or all","room":"nope"}}]`,
		`423["subscribe","all"]`:                    `433[{"ok":false,"error":{"kind":"invalid","detail":"want an object like {rooms: [\"all\"]}"}}]`,
		`424["subscribe"]`:                          `434[{"ok":false,"error":{"kind":"invalid","detail":"rooms is missing: want a list like [\"all\"]"}}]`,
		`4211["subscribe",{"rooms":[]}]`:            `4311[{"ok":false,"error":{"kind":"invalid","detail":"rooms is empty"}}]`,
		`4212["unsubscribe"]`:                       `4312[{"ok":false,"error":{"kind":"invalid","detail":"rooms is missing: want a list like [\"all\"]"}}]`,
		`4213["unsubscribe",{}]`:                    `4313[{"ok":false,"error":{"kind":"invalid","detail":"rooms is missing: want a list like [\"all\"]"}}]`,
		`4214["unsubscribe",{"room":["all"]}]`:      `4314[{"ok":false,"error":{"kind":"invalid","detail":"unknown member \"room\""}}]`,
		`4215["subscribe",{"rooms":["all"],"x":1}]`: `4315[{"ok":false,"error":{"kind":"invalid","detail":"unknown member \"x\""}}]`,
		`4216["subscribed",{"rooms":["all"]}]`:      `4316[{"ok":false,"error":{"kind":"invalid","detail":"unknown event; want subscribe, unsubscribe or telemetry"}}]`,
		`425["unsubscribe",{"rooms":["nope"]}]`:     `435[{"ok":false,"error":{"kind":"invalid","detail":"room \"nope\": want machine:ID, line:SITE/AREA/LINE, alarms or all","room":"nope"}}]`,
		`426["telemetry"]`:                          `436[{"ok":false,"error":{"kind":"invalid","detail":"want an object with machine, ts and values, or an array of these objects"}}]`,
		`427["telemetry",{"machine":"busy"}]`:       `437[{"ok":false,"error":{"kind":"overloaded","detail":"the store's queue is full; nothing was stored"}}]`,
		`428["telemetry",{}]`:                       `438[{"ok":false,"error":{"kind":"invalid","detail":"every point was rejected"},"accepted":0,"rejected":1,"errors":[{"pointer":"/machine"}]}]`,
	} {
		c.send(ask)
		c.expect(want)
	}

	// Another program emits to a factory room by the adapter.
	if err := h.srv.SocketIO().To("machine:m").Emit("note", "x"); err != nil {
		t.Fatal(err)
	}
	if got := c.receive(); !strings.HasPrefix(got, `42["note","x"`) { // an offset may follow
		t.Errorf("got %s", got)
	}
	c.send(`429["unsubscribe",{"rooms":["machine:m"]}]`)
	c.expect(`439[{"ok":true}]`)
	h.put("m", "a", 9, 9.0)
	if err := h.srv.SocketIO().To("machine:m").Emit("note", "x"); err != nil {
		t.Fatal(err)
	}
	c.send(`4210["telemetry",{"machine":"m","values":{"a":100}}]`)
	c.expect(`4310[{"ok":true,"accepted":1,"rejected":0,"errors":[]}]`)
	c.send(`42["subscribe",{"rooms":["alarms"]}]`) // without a callback
	c.expect(`42["snapshot",{"room":"alarms","seq":1,` + emptySnapshot + `]`)
	_ = c.Close()
	waitFor(t, "the session to end", func() bool {
		stats := h.srv.Stats()
		return stats.Sessions["socketio"] == 0 && stats.Subscriptions == 0
	})
}

func TestSocketIORequiresKey(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("r:read:read-secret,i:ingest:ingest-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	h := newNetHarness(t, func(o *live.Options) { o.Keys, o.Limits = access.NewKeys(list), live.Limits{PerKey: 3} })
	for _, auth := range []string{"", `{}`, `{"token":"wrong"}`, `{"token":7}`} {
		if _, answer := h.requestSocket(auth); !strings.HasPrefix(answer, `44{"message":"unauthorized","data":{"kind":"unauthorized",`) {
			t.Errorf("connect with %s: response %s", auth, answer)
		}
	}
	reader := h.openSocket(`{"token":"read-secret"}`)
	reader.send(`421["telemetry",{"machine":"m","values":{"a":1}}]`)
	reader.expect(`431[{"ok":false,"error":{"kind":"forbidden","detail":"key r has the role read, which may not ingest"}}]`)
	machine := h.openSocket(`{"token":"ingest-secret"}`)
	machine.send(`421["subscribe",{"rooms":["all"]}]`)
	machine.expect(`431[{"ok":false,"error":{"kind":"forbidden","detail":"key i has the role ingest, which may not read"}}]`)
	h.openSocket(`{"token":"read-secret"}`)
	h.openSocket(`{"token":"read-secret"}`)
	waitFor(t, "three sessions with the key", func() bool { return h.srv.Stats().Sessions["socketio"] == 4 })
	if _, answer := h.requestSocket(`{"token":"read-secret"}`); !strings.HasPrefix(answer, `44{"message":"too many sessions with this key","data":{"kind":"overloaded",`) {
		t.Errorf("fourth session with the key: %s", answer)
	}
}

// A recovered client is in its rooms again. The snapshots contain what it has
// missed.
func TestSocketIORecoverySendsSnapshots(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, func(o *live.Options) {
		o.Conn.SocketIO.Recovery = &socketio.Recovery{RunMiddlewares: true, MaxDisconnectionDuration: time.Minute}
	})
	c, answer := h.requestSocket("")
	_, rest, _ := strings.Cut(answer, `"pid":"`)
	pid, _, _ := strings.Cut(rest, `"`)
	c.send(`420["subscribe",{"rooms":["all"]}]`)
	c.receive()
	c.receive()
	if err := h.srv.SocketIO().Emit("first", 1); err != nil { // gives the client an offset
		t.Fatal(err)
	}
	_, rest, _ = strings.Cut(c.receive(), `1,"`)
	offset, _, _ := strings.Cut(rest, `"`)
	_ = c.NetConn().Close()
	waitFor(t, "the disconnect", func() bool { return h.srv.Stats().Sessions["socketio"] == 0 })
	h.put("m", "v", 1, 1.0)
	back, answer := h.requestSocket(`{"pid":"` + pid + `","offset":"` + offset + `"}`)
	if !strings.Contains(answer, pid) {
		t.Fatalf("not recovered: %s", answer)
	}
	if got := back.receive(); !strings.HasPrefix(got, `42["snapshot",{"room":"all",`) || !strings.Contains(got, `"metric":"v"`) {
		t.Errorf("first event after the recovery: %s", got)
	}
	h.put("m", "v", 2, 2.0)
	if got := back.receive(); !strings.HasPrefix(got, `42["telemetry",{"room":"all",`) {
		t.Errorf("second event: %s", got)
	}
}

func TestSocketIOPanicClosesOnlyItsSession(t *testing.T) {
	t.Parallel()
	contained := make(chan any, 10)
	h := newNetHarness(t, func(o *live.Options) {
		o.OnPanic = func(v any, _ []byte) { contained <- v }
	})
	other := h.openSocket("")
	c := h.openSocket("")
	c.send(`421["telemetry",{"machine":"panic"}]`)
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			break
		}
	}
	other.send(`421["subscribe",{"rooms":["alarms"]}]`)
	other.expect(`431[{"ok":true}]`)
	waitFor(t, "the session to end", func() bool { return h.srv.Stats().Sessions["socketio"] == 1 })
	if v := <-contained; v != "a fault in a handler" {
		t.Errorf("reported %v", v)
	}
}

func TestSocketIODrainClosesWithGoingAway(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, nil)
	c := h.openSocket("")
	h.srv.SocketIO().Engine().Drain(context.Background(), 0)
	c.expectClose(1001)
}
