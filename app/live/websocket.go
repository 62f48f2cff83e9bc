package live

import (
	"context"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// webSocketSession is a session on a plain WebSocket. The event loop calls its
// methods.
type webSocketSession struct {
	session
	conn  *websocket.Conn
	shard int // of the heartbeat
}

// maxPartial bounds the bytes of all incomplete messages of a process.
const maxPartial = 256 << 20

func (s *Server) newUpgrader() *websocket.Upgrader {
	o := s.conn
	return &websocket.Upgrader{
		Loop: o.Loop, Detach: o.Detach, Deflate: o.Compress, Refuse: o.Refuse, Subprotocol: o.Subprotocol,
		MaxMessage: o.MaxPayload, QueueLimit: o.QueueBytes, MaxPartial: maxPartial,
		CheckOrigin: func(ctx *fasthttp.RequestCtx) bool {
			return len(ctx.Request.Header.Peek(fasthttp.HeaderOrigin)) == 0 || o.AllowOrigin(ctx)
		},
	}
}

// ServeWebSocket upgrades a request to a session on a plain WebSocket. The caller
// has checked the key, and writes the response if a *Refusal is returned.
func (s *Server) ServeWebSocket(ctx *fasthttp.RequestCtx, caller Caller) error {
	if refusal := s.admit(caller); refusal != nil {
		return refusal
	}
	_ = s.upgrader.Upgrade(ctx, func(conn *websocket.Conn) websocket.Handler { // it has written a response to an error
		lease, refusal := s.admission.acquire(caller.Addr, caller.Principal.Name)
		if refusal != nil {
			conn.Close(websocket.TryAgainLater, refusal.detail)
			return refusedHandler{}
		}
		c := &webSocketSession{conn: conn}
		c.session = session{
			srv: s, member: c, transport: transportWebSocket, principal: caller.Principal, lease: lease, account: conn.Account(),
		}
		c.shard = s.heartbeat.add(c)
		c.start()
		s.closeIfRevoked(c)
		return c
	})
	return nil
}

// refusedHandler handles a connection that acquire has refused, until it closes.
type refusedHandler struct{}

func (refusedHandler) Message(websocket.Opcode, []byte) {}
func (refusedHandler) Closed(int, error)                {}

// Deliver queues a frame.
func (c *webSocketSession) Deliver(f *hub.Frame) {
	m := f.Encoded(transportWebSocket, func(f *hub.Frame) any {
		return websocket.NewMessage(websocket.Text, appendFrame(make([]byte, 0, len(f.Data)+len(f.Room)+64), f))
	}).(*websocket.Message)
	c.checkSlow(c.conn.SendLatest(eventloop.Key(f.Key), m))
}

// Message handles a request.
func (c *webSocketSession) Message(op websocket.Opcode, data []byte) {
	if op != websocket.Text {
		c.send(errorResponse(nil, &Fault{Kind: kindInvalid, Detail: "want JSON in text messages"}))
		return
	}
	q, fault := parseRequest(data)
	if fault == nil {
		fault = c.checkRate()
	}
	if fault == nil {
		fault = c.handle(&q)
	}
	if fault != nil {
		c.send(errorResponse(q.ID, fault))
	}
}

// handle executes a request and responds, unless it returns a fault.
func (c *webSocketSession) handle(q *request) *Fault {
	ok := func() { c.send(append(appendResponse(nil, q.ID, true), '}')) }
	switch q.Op {
	case opSubscribe:
		return c.subscribe(context.Background(), q.Rooms, ok)
	case opUnsubscribe:
		if fault := c.unsubscribe(q.Rooms); fault != nil {
			return fault
		}
		ok()
	case opPing:
		ok()
	case opTelemetry:
		body := q.telemetry()
		if body == nil {
			return &Fault{Kind: kindInvalid, Detail: "want machine, ts and values, or data with one or more of these objects"}
		}
		result, fault := c.ingest(body)
		if fault != nil {
			return fault
		}
		c.send(result.appendResponse(nil, q.ID))
	default:
		return &Fault{Kind: kindInvalid, Detail: "op must be subscribe, unsubscribe, telemetry or ping"}
	}
	return nil
}

func (c *webSocketSession) send(text []byte) {
	c.checkSlow(c.conn.Send(websocket.NewMessage(websocket.Text, text)))
}

func (c *webSocketSession) ping() { c.checkSlow(c.conn.Ping()) }

func (c *webSocketSession) abort() { c.conn.Close(websocket.InternalError, "internal error") }

func (c *webSocketSession) revoke() { c.conn.Close(websocket.PolicyViolation, revokedReason) }

// Closed ends the session.
func (c *webSocketSession) Closed(_ int, err error) {
	c.checkSlow(err) // a pong or close frame may have been too much
	c.srv.heartbeat.remove(c, c.shard)
	c.finish()
}
