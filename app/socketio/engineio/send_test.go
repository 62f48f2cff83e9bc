package engineio_test

import (
	"errors"
	"strings"
	"testing"

	"smart-factory-backend/app/socketio/engineio"
)

func text(s string) *engineio.Message { return engineio.NewText([]byte(s)) }

func TestSendLatestReplacesQueuedMessage(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for name, fetch := range map[string]func(sid string) string{
		"polling": func(sid string) string { return ts.get(sid).body },
		"upgrade": func(sid string) string {
			w := ts.upgrade(sid)
			var all []string
			for range 4 {
				all = append(all, w.read())
			}
			return strings.Join(all, "\x1e")
		},
	} {
		t.Run(name, func(t *testing.T) {
			sid := ts.open()
			s := ts.session(sid)
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
	if n := ts.server.Stats().Replaced; n != 4 {
		t.Errorf("Stats().Replaced = %d, want 4", n)
	}
}

// A polling client whose queue is below ReplaceAbove gets every message.
func TestReplaceAbove(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{ReplaceAbove: 20})
	sid := ts.open()
	s := ts.session(sid)
	for _, m := range []string{"1", "2", "3"} {
		_ = s.SendLatest(7, text(m))
	}
	if got, want := ts.get(sid).body, "41\x1e42\x1e43"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, m := range []string{"1", strings.Repeat("x", 20), "3", "4"} {
		_ = s.SendLatest(7, text(m))
	}
	if got, want := ts.get(sid).body, "41\x1e43\x1e44"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSlowClientWhilePolling(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{QueueLimit: 1000})
	sid := ts.open()
	s := ts.session(sid)
	big := text(strings.Repeat("x", 2000))
	if err := s.Send(big, big); err != nil { // a single Send may exceed the limit
		t.Fatalf("first Send: %v", err)
	}
	if err := s.Send(text("y")); !errors.Is(err, engineio.ErrClosed) {
		t.Fatalf("Send beyond the limit: %v", err)
	}
	s.wantClosed(t, engineio.SlowClient)
	ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	if n := ts.server.Stats().Slow; n != 1 {
		t.Errorf("Stats().Slow = %d, want 1", n)
	}
}

func TestReplacedMessagesDoNotCountAgainstQueueLimit(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{QueueLimit: 1000})
	sid := ts.open()
	s := ts.session(sid)
	_ = s.Send(text("first"))
	for range 100 {
		if err := s.SendLatest(1, text(strings.Repeat("x", 500))); err != nil {
			t.Fatal(err)
		}
	}
	ts.get(sid).want(t, 200, "4first\x1e4"+strings.Repeat("x", 500))
}

func TestSlowClientOnWebSocket(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{QueueLimit: 100_000})
	w, sid := ts.connect()
	s := ts.session(sid)
	big := text(strings.Repeat("x", 50_000))
	for s.Send(big) == nil {
	}
	s.wantClosed(t, engineio.SlowClient)
	if n := ts.server.Stats().Slow; n != 1 {
		t.Errorf("Stats().Slow = %d, want 1", n)
	}
	if ts.server.HasSession(sid) {
		t.Error("the session has not been removed")
	}
	for {
		if _, _, err := w.ReadMessage(); err != nil {
			if !strings.Contains(err.Error(), "1013") {
				t.Errorf("the client reads %v, want close code 1013", err)
			}
			return
		}
	}
}

func TestWritable(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	s := ts.session(sid)
	if s.Writable() {
		t.Error("Writable() = true without a poll")
	}
	poll := ts.startPoll(sid)
	if !s.Writable() {
		t.Error("Writable() = false with a waiting poll")
	}
	_ = s.Send(text("a"))
	receive(t, poll).want(t, 200, "4a")
	if s.Writable() {
		t.Error("Writable() = true after the poll was answered")
	}
	w := ts.upgrade(sid)
	w.send("4a")
	w.wantPacket("4a")
	ts.waitUntil("everything is sent", s.Writable)
}

func TestMessageIsSentToManySessions(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	part := []byte("shared")
	texts, binary := engineio.NewText(part, part), engineio.NewBinary(part)
	part[0] = '!' // the messages have copies
	polling, socket := ts.open(), ""
	w, socket := ts.connect()
	other := ts.open()
	for _, sid := range []string{polling, socket, other} {
		_ = ts.session(sid).Send(texts, binary)
	}
	ts.get(polling).want(t, 200, "4sharedshared\x1ebc2hhcmVk")
	ts.get(other).want(t, 200, "4sharedshared\x1ebc2hhcmVk")
	w.wantPacket("4sharedshared")
	w.wantPacket("b:shared")
}
