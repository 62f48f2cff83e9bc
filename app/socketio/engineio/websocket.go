package engineio

import (
	"errors"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// socket is a WebSocket of a session: the one that it is on, one that it may
// move to, or one that has no say any more. Its fields are under the session's
// lock.
type socket struct {
	session *Session
	conn    *websocket.Conn
	// proved says that the client has sent its probe.
	probed bool
	// timer gives up a probe.
	timer *eventloop.Timer
}

// serveWebSocket answers a WebSocket handshake: of a new session, or of one
// that wants to move.
func (s *Server) serveWebSocket(ctx *fasthttp.RequestCtx, old *Session) *refusal {
	if !s.options.AllowUpgrade() {
		return tooManyUpgrades
	}
	open := func(c *websocket.Conn) websocket.Handler { return old.acceptProbe(c) }
	if old == nil {
		if s.table.full(s.options.MaxSessions) { // reserved once the connection is there
			return tooManySessions
		}
		facts := s.newHandshake(ctx)
		open = func(c *websocket.Conn) websocket.Handler { return s.openSocket(c, facts) }
	}
	// An error has been answered.
	_ = s.upgrader.Upgrade(ctx, open)
	return nil
}

// openSocket begins a session on a WebSocket.
func (s *Server) openSocket(c *websocket.Conn, facts Handshake) websocket.Handler {
	if s.draining.Load() {
		c.Close(websocket.GoingAway, string(ServerShutdown))
		return discardHandler{}
	}
	if !s.table.reserve(s.options.MaxSessions) {
		c.Close(websocket.TryAgainLater, "too many sessions") // "try again later"
		return discardHandler{}
	}
	k := &socket{conn: c}
	session := &Session{server: s, id: newID(), handshake: facts, socket: k}
	k.session = session
	_ = c.Send(websocket.NewMessage(websocket.Text, s.openPacket(session.id, false)))
	session.start()
	return k
}

// deaf is the handler of a WebSocket that is being turned away.
type discardHandler struct{}

func (discardHandler) Message(websocket.Opcode, []byte) {}
func (discardHandler) Closed(int, error)                {}

// Message is a frame from the client, which holds one packet ("Packet
// encoding", "WebSocket").
func (k *socket) Message(op websocket.Opcode, data []byte) {
	p := packet{typ: typeMessage, binary: true, data: data}
	var bad error
	if op != websocket.Binary {
		p, _, bad = decodePacket(data, nil)
	}
	if k.handleProbe(p, bad) || !k.session.beginReceive() {
		return
	}
	defer k.session.endReceive()
	if bad == nil {
		bad = k.session.receive(p)
	}
	if errors.Is(bad, errInvalidPacket) {
		k.session.mu.Lock()
		k.session.abortLocked(ParseError, closePacket) // unless receive has
		k.session.mu.Unlock()
	}
}

// Closed is the end of the connection.
func (k *socket) Closed(code int, err error) {
	s := k.session
	s.mu.Lock()
	defer s.unlockAndNotify()
	switch k {
	case s.probe:
		k.closeProbeLocked() // polling goes on
	case s.socket:
		s.abortLocked(closeReason(code, err), closePacket)
	}
}

// closeReason puts the end of a WebSocket into the reference server's words.
func closeReason(code int, err error) Reason {
	var end *websocket.CloseError
	switch {
	case errors.Is(err, eventloop.ErrSlowClient):
		return SlowClient
	case errors.Is(err, eventloop.ErrStopped):
		return ServerShutdown
	case !errors.As(err, &end) || !end.ByServer:
		return TransportClose
	case code == websocket.GoingAway: // whoever runs the connections says so
		return ServerShutdown
	}
	return TransportError // the client broke a rule of WebSocket, or a handler panicked
}
