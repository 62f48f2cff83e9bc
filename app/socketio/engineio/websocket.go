package engineio

import (
	"errors"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// socket is a WebSocket of a session: the current transport, the probe of an
// upgrade, or one that is being closed. Session.mu guards its fields.
type socket struct {
	session *Session
	conn    *websocket.Conn
	probed  bool             // the client has sent the probe ping
	timer   *eventloop.Timer // limits the time of a probe
}

// serveWebSocket answers a WebSocket handshake: of a new session if session is
// nil, else for its upgrade.
func (s *Server) serveWebSocket(ctx *fasthttp.RequestCtx, session *Session) *refusal {
	if !s.options.AllowUpgrade() {
		return tooManyUpgrades
	}
	open := func(c *websocket.Conn) websocket.Handler { return session.acceptProbe(c) }
	if session == nil {
		if s.table.full(s.options.MaxSessions) { // openWebSocket reserves the place
			return tooManySessions
		}
		handshake := s.newHandshake(ctx)
		open = func(c *websocket.Conn) websocket.Handler { return s.openWebSocket(c, handshake) }
	}
	_ = s.upgrader.Upgrade(ctx, open) // an error is in the response
	return nil
}

// discardHandler ignores what a WebSocket receives while it is being closed.
type discardHandler struct{}

func (discardHandler) Message(websocket.Opcode, []byte) {}
func (discardHandler) Closed(int, error)                {}

// Message handles a WebSocket message, which is one packet ("Packet encoding",
// "WebSocket").
func (k *socket) Message(op websocket.Opcode, data []byte) {
	p := packet{typ: typeMessage, binary: true, data: data}
	var err error
	if op != websocket.Binary {
		p, _, err = decodePacket(data, nil)
	}
	if k.handleProbe(p, err) || !k.session.beginReceive() {
		return
	}
	defer k.session.endReceive()
	if err == nil {
		err = k.session.receive(p)
	}
	if errors.Is(err, errInvalidPacket) {
		k.session.mu.Lock()
		k.session.abortLocked(ParseError, closePacket) // no effect if receive has ended the session
		k.session.mu.Unlock()
	}
}

// Closed handles the end of the connection. The end of a probe leaves the
// session on polling.
func (k *socket) Closed(code int, err error) {
	s := k.session
	s.mu.Lock()
	defer s.unlockAndNotify()
	switch k {
	case s.probe:
		k.closeProbeLocked()
	case s.socket:
		s.abortLocked(closeReason(code, err), closePacket)
	}
}
