package engineio_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

func TestClientClosesWhilePolling(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	t.Run("a poll waits", func(t *testing.T) {
		sid := p.open()
		poll := p.startPoll(sid)
		p.post(sid, "4last\x1e1\x1e4not").want(t, 200, "ok")
		receive(t, poll)
		p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
		s := p.session(sid)
		s.wantClosed(t, engineio.TransportClose)
		if got := receive(t, s.messages); got != "last" || len(s.messages) > 0 {
			t.Errorf("received %q and %d more", got, len(s.messages))
		}
	})
	t.Run("the poll gets a noop", func(t *testing.T) {
		sid := p.open()
		poll := p.startPoll(sid)
		p.post(sid, "1").want(t, 200, "ok")
		receive(t, poll).want(t, 200, "6")
		p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("the poll was overtaken", func(t *testing.T) {
		p := startServer(t, engineio.Options{}, (*engineio.Server).FreezeClock) // or it may come too late
		sid := p.open()
		p.post(sid, "1").want(t, 200, "ok")
		p.session(sid).wantClosed(t, engineio.TransportClose)
		p.post(sid, "4a").wantRefusal(t, 400, 1, "Session ID unknown")
		p.get(sid).want(t, 200, "6")
		p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("there was no poll", func(t *testing.T) {
		sid := p.open()
		p.post(sid, "1").want(t, 200, "ok")
		begin := time.Now()
		p.waitUntil("it is forgotten", func() bool { return !p.server.HasSession(sid) })
		if took := time.Since(begin); took > 10*engineio.ClientCloseTimeout {
			t.Errorf("it took %v", took)
		}
	})
}

func TestClientClosesItsWebSocket(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for name, leave := range map[string]func(*wsClient){
		"by a packet":      func(w *wsClient) { w.send("1") },
		"by a close frame": func(w *wsClient) { _ = w.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1001, "")) },
		"by an error code": func(w *wsClient) { _ = w.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1002, "")) },
		"without a word":   func(w *wsClient) { _ = w.NetConn().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w, sid := p.connect()
			leave(w)
			p.session(sid).wantClosed(t, engineio.TransportClose)
			if p.server.HasSession(sid) {
				t.Error("the session is still known")
			}
			if name == "by a packet" {
				w.wantClose(1000)
			}
		})
	}
}

func TestServerClosesAWebSocket(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	w, sid := p.connect()
	s := p.session(sid)
	_ = s.Send(engineio.NewText([]byte("last")))
	s.Close("server says so")
	s.Close("once only")
	w.wantPacket("4last")
	w.wantClose(1000)
	s.wantClosed(t, "server says so")
	if err := s.Send(engineio.NewText()); !errors.Is(err, engineio.ErrClosed) {
		t.Errorf("Send after the end: %v", err)
	}
	if err := s.SendLatest(1, engineio.NewText()); !errors.Is(err, engineio.ErrClosed) {
		t.Errorf("SendLatest after the end: %v", err)
	}
	if s.Writable() {
		t.Error("writable after the end")
	}
}

func TestServerClosesWhilePolling(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{MaxPayload: 10})
	t.Run("a poll waits", func(t *testing.T) {
		sid := p.open()
		poll := p.startPoll(sid)
		p.session(sid).Close(engineio.ForcedClose)
		receive(t, poll).want(t, 200, "1")
		p.session(sid).wantClosed(t, engineio.ForcedClose)
		p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("none waits, and more than a payload does", func(t *testing.T) {
		sid := p.open()
		s := p.session(sid)
		_ = s.Send(engineio.NewText([]byte("12345")), engineio.NewText([]byte("6789")))
		s.Close(engineio.ForcedClose)
		s.wantClosed(t, engineio.ForcedClose) // at once
		p.post(sid, "4ignored").want(t, 200, "ok")
		p.get(sid).want(t, 200, "412345")
		p.get(sid).want(t, 200, "46789")
		p.get(sid).want(t, 200, "1")
		p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
		if len(s.messages) > 0 {
			t.Errorf("received %q after the end", <-s.messages)
		}
	})
	t.Run("and the client leaves", func(t *testing.T) {
		sid := p.open()
		p.session(sid).Close(engineio.ForcedClose)
		p.get(sid).want(t, 200, "1")
	})
}

func TestCloseFromWithinTheReceiver(t *testing.T) {
	t.Parallel()
	ended := make(chan engineio.Reason, 10)
	p := startServer(t, engineio.Options{Open: func(s *engineio.Session) engineio.Receiver { return &closingReceiver{s, ended} }})
	sid := p.open()
	p.post(sid, "4a\x1e4b").want(t, 200, "ok")
	if got := receive(t, ended); got != "enough" {
		t.Errorf("ended for %q", got)
	}
	p.get(sid).want(t, 200, "4bye")
	p.get(sid).want(t, 200, "1")
	w := p.dial("")
	sidOf(t, w.read())
	w.send("4a")
	w.send("4b")
	w.wantPacket("4bye")
	w.wantClose(1000)
	receive(t, ended)
	if len(ended) > 0 {
		t.Errorf("ended once more for %q", <-ended)
	}
}

// closer closes its session at the first message.
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

func TestCloseWhileItOpens(t *testing.T) {
	t.Parallel()
	ended := make(chan engineio.Reason, 10)
	p := startServer(t, engineio.Options{Open: func(s *engineio.Session) engineio.Receiver {
		_ = s.Send(engineio.NewText([]byte("no")))
		s.Close("unwanted")
		return &closingReceiver{s, ended}
	}})
	sid := p.open()
	if got := receive(t, ended); got != "unwanted" {
		t.Errorf("ended for %q", got)
	}
	p.get(sid).want(t, 200, "4no")
	p.get(sid).want(t, 200, "1")
	w := p.dial("")
	sidOf(t, w.read())
	w.wantPacket("4no")
	w.wantClose(1000)
	if got := receive(t, ended); got != "unwanted" {
		t.Errorf("ended for %q", got)
	}
}
