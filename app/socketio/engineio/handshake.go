package engineio

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket"
)

// openPolling opens a session with a polling request ("Handshake").
func (s *Server) openPolling(ctx *fasthttp.RequestCtx) *refusal {
	handshake := s.newHandshake(ctx)
	lease, err := s.admit(&handshake)
	if err != nil {
		return refusalOf(err)
	}
	session := &Session{server: s, id: newID(), handshake: handshake, lease: lease}
	session.start()
	ctx.SetContentType("text/plain; charset=UTF-8")
	ctx.SetBody(s.openPacket(session.id, !s.options.NoUpgrades && !s.options.NoWebSocket))
	return nil
}

// openWebSocket opens a session on a WebSocket ("Handshake").
func (s *Server) openWebSocket(c *websocket.Conn, handshake Handshake) websocket.Handler {
	if s.draining.Load() {
		c.Close(websocket.GoingAway, string(ServerShutdown))
		return discardHandler{}
	}
	lease, err := s.admit(&handshake)
	if err != nil {
		c.Close(websocket.TryAgainLater, err.Error())
		return discardHandler{}
	}
	k := &socket{conn: c}
	session := &Session{server: s, id: newID(), handshake: handshake, lease: lease, socket: k}
	k.session = session
	_ = c.Send(websocket.NewMessage(websocket.Text, s.openPacket(session.id, false)))
	session.start()
	return k
}

// admit reserves a place for a session and acquires its lease.
func (s *Server) admit(h *Handshake) (Lease, error) {
	if !s.table.reserve(s.options.MaxSessions) {
		return nil, errTooManySessions
	}
	lease, err := s.options.Acquire(h.RemoteAddr())
	if err != nil {
		s.table.count.Add(-1)
	}
	return lease, err
}

// start adds the session to the table, where a place is reserved for it,
// starts the heartbeat and calls Options.Open. If Open panics, the session is
// removed.
func (s *Session) start() {
	s.receiving = true
	s.queue.account = &s.account
	s.account.Open(s.Loop().Memory(), s, sessionCost+len(s.handshake.text))
	s.server.table.add(s)
	opened := false
	defer func() {
		s.mu.Lock()
		s.receiving = false
		s.closeNotified = s.closeNotified || !opened
		if !opened {
			s.socket = nil // the panic closes the connection with 1011
			s.abortLocked(TransportError, closePacket)
		}
		s.unlockAndNotify()
	}()
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	s.mu.Lock()
	s.deadline = s.server.now() + int64(s.server.options.PingInterval)
	s.expectPollLocked(0)
	s.scheduleLocked()
	s.mu.Unlock()
	receiver := s.server.options.Open(s)
	s.mu.Lock()
	s.receiver = receiver
	s.mu.Unlock()
	opened = true
	if s.server.draining.Load() { // Drain may have listed the sessions before this one
		s.close(ServerShutdown, websocket.GoingAway)
	}
}

// openPacket returns the server's part of the handshake ("Handshake").
func (s *Server) openPacket(sid string, upgradable bool) []byte {
	b := make([]byte, 0, 128)
	b = append(b, `0{"sid":"`...)
	b = append(b, sid...)
	b = append(b, `","upgrades":[`...)
	if upgradable {
		b = append(b, `"websocket"`...)
	}
	b = append(b, `],"pingInterval":`...)
	b = strconv.AppendInt(b, s.options.PingInterval.Milliseconds(), 10)
	b = append(b, `,"pingTimeout":`...)
	b = strconv.AppendInt(b, s.options.PingTimeout.Milliseconds(), 10)
	b = append(b, `,"maxPayload":`...)
	b = strconv.AppendInt(b, int64(s.options.MaxPayload), 10)
	return append(b, '}')
}
