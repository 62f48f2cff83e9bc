package engineio_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

func TestCloseByClientWhilePolling(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	t.Run("a poll is waiting", func(t *testing.T) {
		sid := ts.open()
		poll := ts.startPoll(sid)
		ts.post(sid, "4last\x1e1\x1e4not").want(t, 200, "ok")
		receive(t, poll)
		ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
		s := ts.session(sid)
		s.wantClosed(t, engineio.TransportClose)
		if got := receive(t, s.messages); got != "last" || len(s.messages) > 0 {
			t.Errorf("received %q and %d more messages", got, len(s.messages))
		}
	})
	t.Run("the waiting poll gets a noop", func(t *testing.T) {
		sid := ts.open()
		poll := ts.startPoll(sid)
		ts.post(sid, "1").want(t, 200, "ok")
		receive(t, poll).want(t, 200, "6")
		ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("the poll arrives after the close packet", func(t *testing.T) {
		ts := startServer(t, engineio.Options{}, (*engineio.Server).FreezeClock) // or the poll may come too late
		sid := ts.open()
		ts.post(sid, "1").want(t, 200, "ok")
		ts.session(sid).wantClosed(t, engineio.TransportClose)
		ts.post(sid, "4a").wantRefusal(t, 400, 1, "Session ID unknown")
		ts.get(sid).want(t, 200, "6")
		ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("no poll arrives", func(t *testing.T) {
		sid := ts.open()
		ts.post(sid, "1").want(t, 200, "ok")
		begin := time.Now()
		ts.waitUntil("the session is removed", func() bool { return !ts.server.HasSession(sid) })
		if took := time.Since(begin); took > 10*engineio.ClientCloseTimeout {
			t.Errorf("took %v", took)
		}
	})
}

func TestCloseByClientOnWebSocket(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for name, leave := range map[string]func(*wsClient){
		"by a packet":               func(w *wsClient) { w.send("1") },
		"by a close frame":          func(w *wsClient) { _ = w.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1001, "")) },
		"by an error code":          func(w *wsClient) { _ = w.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1002, "")) },
		"by closing the connection": func(w *wsClient) { _ = w.NetConn().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w, sid := ts.connect()
			leave(w)
			ts.session(sid).wantClosed(t, engineio.TransportClose)
			if ts.server.HasSession(sid) {
				t.Error("the session has not been removed")
			}
			if name == "by a packet" {
				w.wantClose(1000)
			}
		})
	}
}

func TestCloseByServerOnWebSocket(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	w, sid := ts.connect()
	s := ts.session(sid)
	_ = s.Send(engineio.NewText([]byte("last")))
	s.Close("by the application")
	s.Close("second call")
	w.wantPacket("4last")
	w.wantClose(1000)
	s.wantClosed(t, "by the application")
	if err := s.Send(engineio.NewText()); !errors.Is(err, engineio.ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	if err := s.SendLatest(1, engineio.NewText()); !errors.Is(err, engineio.ErrClosed) {
		t.Errorf("SendLatest after Close: %v", err)
	}
	if s.Writable() {
		t.Error("Writable() = true after Close")
	}
}

func TestCloseByServerWhilePolling(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{MaxPayload: 10})
	t.Run("a poll is waiting", func(t *testing.T) {
		sid := ts.open()
		poll := ts.startPoll(sid)
		ts.session(sid).Close(engineio.ForcedClose)
		receive(t, poll).want(t, 200, "1")
		ts.session(sid).wantClosed(t, engineio.ForcedClose)
		ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("no poll is waiting and the queue exceeds one payload", func(t *testing.T) {
		sid := ts.open()
		s := ts.session(sid)
		_ = s.Send(engineio.NewText([]byte("12345")), engineio.NewText([]byte("6789")))
		s.Close(engineio.ForcedClose)
		s.wantClosed(t, engineio.ForcedClose) // at once
		ts.post(sid, "4ignored").want(t, 200, "ok")
		ts.get(sid).want(t, 200, "412345")
		ts.get(sid).want(t, 200, "46789")
		ts.get(sid).want(t, 200, "1")
		ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
		if len(s.messages) > 0 {
			t.Errorf("received %q after Close", <-s.messages)
		}
	})
	t.Run("the next poll gets the close packet", func(t *testing.T) {
		sid := ts.open()
		ts.session(sid).Close(engineio.ForcedClose)
		ts.get(sid).want(t, 200, "1")
	})
}

func TestCloseFromMessage(t *testing.T) {
	t.Parallel()
	ended := make(chan engineio.Reason, 10)
	ts := startServer(t, engineio.Options{Open: func(s *engineio.Session) engineio.Receiver { return &closingReceiver{s, ended} }})
	sid := ts.open()
	ts.post(sid, "4a\x1e4b").want(t, 200, "ok")
	if got := receive(t, ended); got != "enough" {
		t.Errorf("Closed(%q)", got)
	}
	ts.get(sid).want(t, 200, "4bye")
	ts.get(sid).want(t, 200, "1")
	w := ts.dial("")
	sidOf(t, w.read())
	w.send("4a")
	w.send("4b")
	w.wantPacket("4bye")
	w.wantClose(1000)
	receive(t, ended)
	if len(ended) > 0 {
		t.Errorf("second Closed(%q)", <-ended)
	}
}

// closingReceiver closes its session at the first message.
type closingReceiver struct {
	*engineio.Session
	ended chan engineio.Reason
}

func (c *closingReceiver) Message(data []byte, _ bool) {
	if string(data) != "a" {
		c.ended <- "a message after Close"
	}
	_ = c.Send(engineio.NewText([]byte("bye")))
	c.Close("enough")
	if len(c.ended) > 0 {
		c.ended <- "Closed during Message"
	}
}

func (c *closingReceiver) Closed(reason engineio.Reason) { c.ended <- reason }

func TestCloseFromOpen(t *testing.T) {
	t.Parallel()
	ended := make(chan engineio.Reason, 10)
	ts := startServer(t, engineio.Options{Open: func(s *engineio.Session) engineio.Receiver {
		_ = s.Send(engineio.NewText([]byte("no")))
		s.Close("unwanted")
		return &closingReceiver{s, ended}
	}})
	sid := ts.open()
	if got := receive(t, ended); got != "unwanted" {
		t.Errorf("Closed(%q)", got)
	}
	ts.get(sid).want(t, 200, "4no")
	ts.get(sid).want(t, 200, "1")
	w := ts.dial("")
	sidOf(t, w.read())
	w.wantPacket("4no")
	w.wantClose(1000)
	if got := receive(t, ended); got != "unwanted" {
		t.Errorf("Closed(%q)", got)
	}
}
