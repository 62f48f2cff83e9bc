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

// session opens an Engine.IO session on a WebSocket and asks for the main
// namespace; it returns the answer.
func (s *server) session(auth string, headers ...string) (*peer, string) {
	s.t.Helper()
	p := s.connect("/socket.io/?EIO=4&transport=websocket", headers...)
	if open := p.hear(); !strings.HasPrefix(open, `0{"sid":`) {
		s.t.Fatalf("the session begins with %s", open)
	}
	p.say("40" + auth)
	return p, p.hear()
}

func (s *server) connected(auth string, headers ...string) *peer {
	s.t.Helper()
	p, answer := s.session(auth, headers...)
	if !strings.HasPrefix(answer, `40{"sid":`) {
		s.t.Fatalf("connect with %s is answered %s", auth, answer)
	}
	return p
}

func TestSocketIO(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	p := s.connected("")
	p.say(`420["subscribe",{"rooms":["machine:m"]}]`)
	p.hears(`430[{"ok":true}]`)
	p.hears(`42["snapshot",{"room":"machine:m","seq":1,` + emptySnapshot + `]`)
	p.say(`421["telemetry",{"machine":"m","values":{"a":1.5}}]`)
	p.hearsBoth(`431[{"ok":true,"accepted":1,"rejected":0,"errors":[]}]`,
		`42["telemetry",{"room":"machine:m","seq":2,"data":{"readings":[{"machine":"m","metric":"a","ts":1700000000001,"value":1.5}]}}]`)
	for ask, want := range map[string]string{
		`422["subscribe",{"rooms":["nope"]}]`:   `432[{"ok":false,"error":{"kind":"invalid","detail":"room \"nope\": want machine:ID, line:SITE/AREA/LINE, alarms or all","room":"nope"}}]`,
		`423["subscribe","all"]`:                `433[{"ok":false,"error":{"kind":"invalid","detail":"want an object like {rooms: [\"all\"]}"}}]`,
		`424["subscribe"]`:                      `434[{"ok":false,"error":{"kind":"invalid","detail":"rooms is empty"}}]`,
		`425["unsubscribe",{"rooms":["nope"]}]`: `435[{"ok":false,"error":{"kind":"invalid","detail":"room \"nope\": want machine:ID, line:SITE/AREA/LINE, alarms or all","room":"nope"}}]`,
		`426["telemetry"]`:                      `436[{"ok":false,"error":{"kind":"invalid","detail":"want an object with machine, ts and values, or an array of these objects"}}]`,
		`427["telemetry",{"machine":"busy"}]`:   `437[{"ok":false,"error":{"kind":"overloaded","detail":"the store's queue is full; nothing was stored"}}]`,
		`428["telemetry",{}]`:                   `438[{"ok":false,"error":{"kind":"invalid","detail":"every point was refused"},"accepted":0,"rejected":1,"errors":[{"pointer":"/machine"}]}]`,
	} {
		p.say(ask)
		p.hears(want)
	}

	// Another program emits to a factory room by the adapter.
	if err := s.show.SocketIO().To("machine:m").Emit("note", "x"); err != nil {
		t.Fatal(err)
	}
	if got := p.hear(); !strings.HasPrefix(got, `42["note","x"`) { // an offset may follow
		t.Errorf("got %s", got)
	}
	p.say(`429["unsubscribe",{"rooms":["machine:m"]}]`)
	p.hears(`439[{"ok":true}]`)
	s.put("m", "a", 9, 9.0)
	if err := s.show.SocketIO().To("machine:m").Emit("note", "x"); err != nil {
		t.Fatal(err)
	}
	p.say(`4210["telemetry",{"machine":"m","values":{"a":100}}]`)
	p.hears(`4310[{"ok":true,"accepted":1,"rejected":0,"errors":[]}]`)
	p.say(`42["subscribe",{"rooms":["alarms"]}]`) // without a callback
	p.hears(`42["snapshot",{"room":"alarms","seq":1,` + emptySnapshot + `]`)
	_ = p.Close()
	eventually(t, "the end of the session", func() bool {
		of := s.show.Stats()
		return of.Sessions["socketio"] == 0 && of.Subscriptions == 0
	})
}

func TestSocketIONeedsAKey(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("r:read:read-secret,i:ingest:ingest-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, func(o *live.Options) { o.Keys, o.Limits = access.NewKeys(list), live.Limits{PerKey: 3} })
	for _, auth := range []string{"", `{}`, `{"token":"wrong"}`, `{"token":7}`} {
		if _, answer := s.session(auth); !strings.HasPrefix(answer, `44{"message":"unauthorized","data":{"kind":"unauthorized",`) {
			t.Errorf("connect with %s is answered %s", auth, answer)
		}
	}
	reader := s.connected(`{"token":"read-secret"}`)
	reader.say(`421["telemetry",{"machine":"m","values":{"a":1}}]`)
	reader.hears(`431[{"ok":false,"error":{"kind":"forbidden","detail":"key r has the role read, which may not ingest"}}]`)
	machine := s.connected("", "X-API-Key", "ingest-secret")
	machine.say(`421["subscribe",{"rooms":["all"]}]`)
	machine.hears(`431[{"ok":false,"error":{"kind":"forbidden","detail":"key i has the role ingest, which may not read"}}]`)
	s.connected("", "Authorization", "Bearer read-secret")
	s.connected("", "Authorization", "token read-secret")
	eventually(t, "three with the key", func() bool { return s.show.Stats().Sessions["socketio"] == 4 })
	if _, answer := s.session(`{"token":"read-secret"}`); !strings.HasPrefix(answer, `44{"message":"too many sessions with this key","data":{"kind":"overloaded",`) {
		t.Errorf("a fourth with the key is answered %s", answer)
	}
}

// Who comes back in time has its rooms, with snapshots that make up for what
// was shown meanwhile.
func TestSocketIORecovers(t *testing.T) {
	t.Parallel()
	s := serve(t, func(o *live.Options) {
		o.Conn.SocketIO.Recovery = &socketio.Recovery{RunMiddlewares: true, MaxDisconnectionDuration: time.Minute}
	})
	p, answer := s.session("")
	_, rest, _ := strings.Cut(answer, `"pid":"`)
	pid, _, _ := strings.Cut(rest, `"`)
	p.say(`420["subscribe",{"rooms":["all"]}]`)
	p.hear()
	p.hear()
	if err := s.show.SocketIO().Emit("first", 1); err != nil { // gives the client an offset
		t.Fatal(err)
	}
	_, rest, _ = strings.Cut(p.hear(), `1,"`)
	offset, _, _ := strings.Cut(rest, `"`)
	_ = p.NetConn().Close()
	eventually(t, "the loss noticed", func() bool { return s.show.Stats().Sessions["socketio"] == 0 })
	s.put("m", "v", 1, 1.0)
	back, answer := s.session(`{"pid":"` + pid + `","offset":"` + offset + `"}`)
	if !strings.Contains(answer, pid) {
		t.Fatalf("not recovered: %s", answer)
	}
	if got := back.hear(); !strings.HasPrefix(got, `42["snapshot",{"room":"all",`) || !strings.Contains(got, `"metric":"v"`) {
		t.Errorf("the first after coming back is %s", got)
	}
	s.put("m", "v", 2, 2.0)
	if got := back.hear(); !strings.HasPrefix(got, `42["telemetry",{"room":"all",`) {
		t.Errorf("then comes %s", got)
	}
}

func TestSocketIOPanicEndsItsSessionAlone(t *testing.T) {
	t.Parallel()
	contained := make(chan any, 10)
	s := serve(t, func(o *live.Options) {
		o.OnPanic = func(v any, _ []byte) { contained <- v }
	})
	bystander := s.connected("")
	p := s.connected("")
	p.say(`421["telemetry",{"machine":"panic"}]`)
	for {
		if _, _, err := p.ReadMessage(); err != nil {
			break
		}
	}
	bystander.say(`421["subscribe",{"rooms":["alarms"]}]`)
	bystander.hears(`431[{"ok":true}]`)
	eventually(t, "the session's end", func() bool { return s.show.Stats().Sessions["socketio"] == 1 })
	if v := <-contained; v != "a fault in a handler" {
		t.Errorf("reported %v", v)
	}
}

func TestSocketIODrains(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	p := s.connected("")
	s.show.SocketIO().Engine().Drain(context.Background(), 0)
	p.closed(1001)
}
