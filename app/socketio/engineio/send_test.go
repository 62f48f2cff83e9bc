package engineio_test

import (
	"errors"
	"strings"
	"testing"

	"smart-factory-backend/app/socketio/engineio"
)

func text(s string) *engineio.Message { return engineio.NewText([]byte(s)) }

func TestNewestOfAKeyTakesThePlaceOfTheOlder(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for name, fetch := range map[string]func(sid string) string{
		"polling": func(sid string) string { return p.get(sid).body },
		"moving": func(sid string) string {
			w := p.upgrade(sid)
			var all []string
			for range 4 {
				all = append(all, w.read())
			}
			return strings.Join(all, "\x1e")
		},
	} {
		t.Run(name, func(t *testing.T) {
			sid := p.open()
			s := p.session(sid)
			_ = s.SendLatest(7, text("a1"))
			_ = s.Send(text("x"))
			_ = s.SendLatest(8, text("b1"))
			_ = s.SendLatest(7, text("a2"))
			_ = s.SendLatest(0, text("y"))
			_ = s.SendLatest(7, text("a3"))
			if got, want := fetch(sid), "4a3\x1e4x\x1e4b1\x1e4y"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if n := p.server.Stats().Replaced; n != 4 {
		t.Errorf("%d replaced, want 4", n)
	}
}

// A client between two polls is not slow: with a bound below which nothing is
// replaced it gets everything.
func TestNothingIsReplacedForOneWhoIsNotBehind(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{ReplaceAbove: 20})
	sid := p.open()
	s := p.session(sid)
	for _, m := range []string{"1", "2", "3"} {
		_ = s.SendLatest(7, text(m))
	}
	if got, want := p.get(sid).body, "41\x1e42\x1e43"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, m := range []string{"1", strings.Repeat("x", 20), "3", "4"} {
		_ = s.SendLatest(7, text(m))
	}
	if got, want := p.get(sid).body, "41\x1e43\x1e44"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSlowWhilePolling(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{QueueLimit: 1000})
	sid := p.open()
	s := p.session(sid)
	big := text(strings.Repeat("x", 2000))
	if err := s.Send(big, big); err != nil { // what is sent in one piece may be larger
		t.Fatalf("the first: %v", err)
	}
	if err := s.Send(text("y")); !errors.Is(err, engineio.ErrClosed) {
		t.Fatalf("the one too many: %v", err)
	}
	s.wantClosed(t, engineio.SlowClient)
	p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	if n := p.server.Stats().Slow; n != 1 {
		t.Errorf("%d counted", n)
	}
}

func TestReplacingDoesNotCountAgainstTheLimit(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{QueueLimit: 1000})
	sid := p.open()
	s := p.session(sid)
	_ = s.Send(text("first"))
	for range 100 {
		if err := s.SendLatest(1, text(strings.Repeat("x", 500))); err != nil {
			t.Fatal(err)
		}
	}
	p.get(sid).want(t, 200, "4first\x1e4"+strings.Repeat("x", 500))
}

func TestSlowOnAWebSocket(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{QueueLimit: 100_000})
	w, sid := p.connect()
	s := p.session(sid)
	big := text(strings.Repeat("x", 50_000))
	for s.Send(big) == nil {
	}
	s.wantClosed(t, engineio.SlowClient)
	if n := p.server.Stats().Slow; n != 1 {
		t.Errorf("%d counted", n)
	}
	if p.server.HasSession(sid) {
		t.Error("the session is still known")
	}
	for {
		if _, _, err := w.ReadMessage(); err != nil {
			if !strings.Contains(err.Error(), "1013") {
				t.Errorf("the client was told %v", err)
			}
			return
		}
	}
}

func TestWritable(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	s := p.session(sid)
	if s.Writable() {
		t.Error("no poll waits, and it is writable")
	}
	poll := p.startPoll(sid)
	if !s.Writable() {
		t.Error("a poll waits, and it is not writable")
	}
	_ = s.Send(text("a"))
	receive(t, poll).want(t, 200, "4a")
	if s.Writable() {
		t.Error("the poll is answered, and it is writable")
	}
	w := p.upgrade(sid)
	w.send("4a")
	w.wantPacket("4a")
	p.waitUntil("all is sent", s.Writable)
}

func TestMessagesAreSharedByAllSessions(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	part := []byte("shared")
	texts, binary := engineio.NewText(part, part), engineio.NewBinary(part)
	part[0] = '!' // they are copies
	polling, socket := p.open(), ""
	w, socket := p.connect()
	other := p.open()
	for _, sid := range []string{polling, socket, other} {
		_ = p.session(sid).Send(texts, binary)
	}
	p.get(polling).want(t, 200, "4sharedshared\x1ebc2hhcmVk")
	p.get(other).want(t, 200, "4sharedshared\x1ebc2hhcmVk")
	w.wantPacket("4sharedshared")
	w.wantPacket("b:shared")
}
