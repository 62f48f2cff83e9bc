package live_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live"

	"github.com/fasthttp/websocket"
)

const emptySnapshot = `"data":{"readings":[],"states":[],"alarms":[],"oee":[]}}`

func TestWebSocketSpeaksJSON(t *testing.T) {
	t.Parallel()
	p := serve(t, nil).connect("/ws")
	p.say(`{"op":"subscribe","id":1,"rooms":["machine:m"]}`)
	p.hears(`{"id":1,"ok":true}`)
	p.hears(`{"event":"snapshot","room":"machine:m","seq":1,` + emptySnapshot)
	p.say(`{"op":"telemetry","id":"t-1","machine":"m","values":{"a":1.5}}`)
	p.hearsBoth(`{"id":"t-1","ok":true,"accepted":1,"rejected":0,"errors":[]}`,
		`{"event":"telemetry","room":"machine:m","seq":2,"data":{"readings":[{"machine":"m","metric":"a","ts":1700000000001,"value":1.5}]}}`)
	p.say(`{"op":"telemetry","data":{"machine":"other","values":{"a":1}}}`)
	p.hears(`{"ok":true,"accepted":1,"rejected":0,"errors":[]}`)
	p.say(`{"op":"telemetry","id":2,"data":{"values":{"a":1}}}`)
	p.hears(`{"id":2,"ok":false,"error":{"kind":"invalid","detail":"every point was refused"},"accepted":0,"rejected":1,"errors":[{"pointer":"/machine"}]}`)
	p.say(`{"op":"telemetry","id":3,"machine":"busy","values":{"a":1}}`)
	p.hears(`{"id":3,"ok":false,"error":{"kind":"overloaded","detail":"the store's queue is full; nothing was stored"}}`)
	p.say(`{"op":"unsubscribe","id":4,"rooms":["machine:m","machine:never"]}`)
	p.hears(`{"id":4,"ok":true}`)
	p.say(`{"op":"telemetry","id":5,"machine":"m","values":{"a":7}}`)
	p.hears(`{"id":5,"ok":true,"accepted":1,"rejected":0,"errors":[]}`)
	p.say(`{"op":"ping","id":6}`)
	p.hears(`{"id":6,"ok":true}`)
}

// A message that is at fault is answered; the session goes on.
func TestFaultyMessagesAreAnswered(t *testing.T) {
	t.Parallel()
	p := serve(t, nil).connect("/ws")
	for _, tt := range []struct{ message, id, detail string }{
		{`nonsense`, "", "want a JSON object"},
		{`[]`, "", "want a JSON object"},
		{`{"op":"subscribe","id":7,"rooms":"all"}`, "7", "want a JSON object"},
		{`{"op":"subscribe","id":{"a":1},"rooms":["all"]}`, "", "id must be a number or a string"},
		{`{"op":"subscribe","id":"` + strings.Repeat("x", 70) + `","rooms":["all"]}`, "", "id must be a number or a string"},
		{`{"op":"subscribe","id":8,"rooms":[]}`, "8", "rooms is empty"},
		{`{"op":"subscribe","id":9,"rooms":["all","nope"]}`, "9", `"room":"nope"`},
		{`{"op":"unsubscribe","id":10,"rooms":["nope"]}`, "10", `"room":"nope"`},
		{`{"op":"fly","id":11}`, "11", "op must be"},
		{`{"id":12}`, "12", "op must be"},
		{`{"op":"telemetry","id":13}`, "13", "want machine, ts and values"},
	} {
		p.say(tt.message)
		got := p.hear()
		begin := `{"ok":false,"error":{"kind":"invalid",`
		if tt.id != "" {
			begin = `{"id":` + tt.id + `,` + begin[1:]
		}
		if !strings.HasPrefix(got, begin) || !strings.Contains(got, tt.detail) {
			t.Errorf("%s is answered %s, want %s… %s", tt.message, got, begin, tt.detail)
		}
	}
	if err := p.WriteMessage(websocket.BinaryMessage, []byte{1}); err != nil {
		t.Fatal(err)
	}
	p.hears(`{"ok":false,"error":{"kind":"invalid","detail":"want JSON in text messages"}}`)
}

func TestPanicEndsItsSessionAlone(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	bystander := s.connect("/ws")
	bystander.say(`{"op":"subscribe","id":1,"rooms":["all"]}`)
	bystander.hear()
	bystander.hear()
	for range 20 {
		p := s.connect("/ws")
		p.say(`{"op":"subscribe","id":1,"rooms":["all"]}`)
		p.say(`{"op":"telemetry","id":1,"machine":"panic","values":{"a":1}}`)
		p.closed(websocket.CloseInternalServerErr)
	}
	eventually(t, "sessions released", func() bool { return s.show.Stats().Sessions["websocket"] == 1 && s.show.Stats().Subscriptions == 1 })
	s.put("m", "v", 1, 1.0)
	if got := bystander.hear(); !strings.Contains(got, `"telemetry"`) {
		t.Errorf("the bystander hears %s", got)
	}
}

func TestKeysOfAWebSocket(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("r:read:read-secret,i:ingest:ingest-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(o *live.Options) { o.Keys = access.NewKeys(list) })
	for secret, want := range map[string][2]string{
		"read-secret":   {`"ok":true`, `"kind":"forbidden"`},
		"ingest-secret": {`"kind":"forbidden"`, `"ok":true`},
		"":              {`"kind":"forbidden"`, `"kind":"forbidden"`},
	} {
		p := s.connect("/ws", "X-API-Key", secret)
		p.say(`{"op":"subscribe","id":1,"rooms":["alarms"]}`)
		subscribed := p.hear()
		if strings.Contains(subscribed, "true") {
			p.hear()
		}
		p.say(`{"op":"telemetry","id":1,"machine":"m","values":{"a":1}}`)
		if sent := p.hear(); !strings.Contains(subscribed, want[0]) || !strings.Contains(sent, want[1]) {
			t.Errorf("with %q: subscribe %s, telemetry %s", secret, subscribed, sent)
		}
	}
}

// A key that is taken out of force takes its sessions along.
func TestRevokedKeyEndsItsSessions(t *testing.T) {
	t.Parallel()
	parse := func(text string) access.List {
		list, err := access.Parse(text, 1)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	keys := access.NewKeys(parse("a:read:secret-of-a,b:read:secret-of-b"))
	s := serve(t, func(o *live.Options) { o.Keys = keys })
	stays, goes := s.connect("/ws", "X-API-Key", "secret-of-a"), s.connect("/ws", "X-API-Key", "secret-of-b")
	socket := s.connected(`{"token":"secret-of-b"}`)
	eventually(t, "sessions", func() bool {
		of := s.show.Stats().Sessions
		return of["websocket"] == 2 && of["socketio"] == 1
	})
	keys.Replace(parse("a:read:secret-of-a"))
	if n := s.show.CloseRevoked(); n != 2 {
		t.Errorf("CheckKeys ends %d sessions, want 2", n)
	}
	goes.closed(websocket.ClosePolicyViolation)
	for {
		if _, _, err := socket.ReadMessage(); err != nil {
			break
		}
	}
	stays.say(`{"op":"ping","id":1}`)
	stays.hears(`{"id":1,"ok":true}`)
}

func TestRequestsAreLimited(t *testing.T) {
	t.Parallel()
	var left atomic.Int64
	left.Store(2)
	s := serve(t, func(o *live.Options) {
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
	p := s.connect("/ws", "X-Addr", "192.0.2.7")
	p.say(`{"op":"ping","id":1}`)
	p.hears(`{"id":1,"ok":true}`)
	p.say(`{"op":"subscribe","id":2,"rooms":["alarms"]}`)
	p.hears(`{"id":2,"ok":true}`)
	p.hear()
	p.say(`{"op":"telemetry","id":3,"machine":"m","values":{"a":1}}`)
	p.hears(`{"id":3,` + refused)
	socket := s.connected("", "X-Addr", "192.0.2.7")
	socket.say(`421["telemetry",{"machine":"m","values":{"a":1}}]`)
	socket.hears(`431[{` + refused + `]`)
	socket.say(`422["subscribe",{"rooms":["all"]}]`)
	socket.hears(`432[{` + refused + `]`)
}

func TestSessionsAreLimited(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("a:admin:secret-of-a,b:admin:secret-of-b", 1)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(o *live.Options) {
		o.Keys = access.NewKeys(list)
		o.Limits = live.Limits{Sockets: 4, PerAddress: 3, PerKey: 2}
	})
	refused := func(what, want string, headers ...string) {
		t.Helper()
		_, resp, err := s.dial("/ws", headers...)
		if err == nil {
			t.Fatalf("%s is let in", what)
		}
		if got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Retry-After")); got != want {
			t.Errorf("%s is refused by %s, want %s", what, got, want)
		}
	}
	count := func(n int) {
		t.Helper()
		eventually(t, "sessions", func() bool { return s.show.Stats().Sessions["websocket"] == n })
	}
	a := s.connect("/ws", "X-API-Key", "secret-of-a")
	s.connect("/ws", "X-API-Key", "secret-of-a")
	count(2)
	refused("a third with the key", "429 5", "X-API-Key", "secret-of-a", "X-Addr", "192.0.2.9")
	s.connect("/ws", "X-API-Key", "secret-of-b")
	count(3)
	refused("a fourth of the address", "429 5", "X-API-Key", "secret-of-b")
	s.connect("/ws", "X-API-Key", "secret-of-b", "X-Addr", "192.0.2.9")
	count(4)
	refused("a fifth", "503 5", "X-Addr", "192.0.2.10")
	_ = a.Close()
	count(3)
	s.connect("/ws", "X-API-Key", "secret-of-a", "X-Addr", "192.0.2.9")
	if got := s.show.Stats().Refused; got["key"] != 1 || got["address"] != 1 || got["process"] != 1 {
		t.Errorf("refused = %v", got)
	}
}

func TestUpgradesAreLimitedAndEndWithTheServer(t *testing.T) {
	t.Parallel()
	var draining atomic.Bool
	s := serve(t, func(o *live.Options) {
		o.Limits = live.Limits{UpgradeRate: 3}
		o.Conn.Draining = draining.Load
	})
	let, refused := 0, 0
	for range 20 {
		_, resp, err := s.dial("/ws")
		switch {
		case err == nil:
			let++
		case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "1":
			refused++
		default:
			t.Fatalf("refused by %d", resp.StatusCode)
		}
	}
	if let < 3 || refused == 0 {
		t.Errorf("of 20 at once %d are let in and %d refused, with 3 a second", let, refused)
	}
	draining.Store(true)
	if _, resp, err := s.dial("/ws"); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Error("a session begins while the server is going away")
	}
	if s.show.Stats().Refused["draining"] != 1 {
		t.Errorf("refused = %v", s.show.Stats().Refused)
	}
}

func TestServerThatGoesSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	p := s.connect("/ws")
	p.say(`{"op":"subscribe","id":1,"rooms":["all"]}`)
	p.hear()
	s.stop()
	p.closed(websocket.CloseGoingAway)
}

// Telemetry never fills the queue, since the newest is enough; a client that
// takes nothing for too long goes all the same.
func TestStalledClientIsSentOff(t *testing.T) {
	t.Parallel()
	// Frames and signs of life find it out; it counts once.
	s := serve(t, func(o *live.Options) { o.Heartbeat = 64 * time.Millisecond })
	slow := s.connect("/ws")
	slow.say(`{"op":"subscribe","id":1,"rooms":["all"]}`)
	slow.hear()
	slow.hear()
	n := 0
	eventually(t, "the stalled one counted", func() bool {
		n++
		var batch []any
		for i := range 100 {
			batch = append(batch, strings.Repeat("m", 100)+fmt.Sprint(i), "v", n, 1.0)
		}
		s.put(batch...)
		return s.show.Stats().Slow["websocket"] == 1
	})
	slow.closed(websocket.CloseTryAgainLater)
	_ = slow.Close()
	eventually(t, "the end", func() bool { return s.show.Stats().Sessions["websocket"] == 0 })
	if n := s.show.Stats().Slow["websocket"]; n != 1 {
		t.Errorf("one slow client counts as %d", n)
	}
}

// A client that stops reading is closed once too much waits for it, and nobody
// else notices.
func TestSlowClientIsSentOff(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *live.Options) { o.Conn.QueueBytes = 256 << 10 })
	slow, good := s.connect("/ws"), s.connect("/ws")
	for _, p := range []*peer{slow, good} {
		p.say(`{"op":"subscribe","id":1,"rooms":["all"]}`)
		p.hear()
		p.hear()
	}
	note := strings.Repeat("x", 64<<10)
	var heard atomic.Int64
	go func() { // ends with the connection
		for {
			if _, _, err := good.ReadMessage(); err != nil {
				return
			}
			heard.Add(1)
		}
	}()
	for i := range 400 {
		s.show.PublishAlarm(live.Alarm{ID: "1", Machine: "m", Note: note})
		eventually(t, "the good one's turn", func() bool { return heard.Load() > int64(i) })
	}
	eventually(t, "the slow one counted", func() bool { return s.show.Stats().Slow["websocket"] == 1 })
	slow.closed(websocket.CloseTryAgainLater)
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *live.Options) { o.Heartbeat = 64 * time.Millisecond })
	p := s.connect("/ws")
	pinged := make(chan struct{}, 1)
	p.SetPingHandler(func(string) error {
		select {
		case pinged <- struct{}{}:
		default:
		}
		return nil
	})
	go func() { _, _, _ = p.ReadMessage() }() // ends with the connection
	select {
	case <-pinged:
	case <-time.After(patience):
		t.Error("no sign of life")
	}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"op":"subscribe","id":1,"rooms":["all"]}`, `{"op":"telemetry","machine":"m","ts":1,"values":{"a":1}}`,
		`{"id":"\u2028"}`, `{"id":1e400}`, `{"id":{}}`, `[]`, "\xff", `{"op":"telemetry","data":[{}]}`, `{"id":-}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if answer := live.Respond(text); answer == nil {
			t.Errorf("%q is answered with what is no JSON", text)
		}
	})
}
