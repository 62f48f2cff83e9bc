package live

import (
	"context"
	"errors"
	"sync/atomic"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// webSocket is a session on a plain WebSocket.
type webSocketSession struct {
	session
	conn  *websocket.Conn
	shard int         // of the heartbeat
	slow  atomic.Bool // it is being sent off for that
}

func (r *Server) newUpgrader() *websocket.Upgrader {
	s := r.conn
	return &websocket.Upgrader{
		Loop: s.Loop, Detach: s.Detach, Deflate: s.Compress, Refuse: s.Refuse,
		MaxMessage: s.MaxPayload, QueueLimit: s.QueueBytes, MaxPartial: maxPartial,
		CheckOrigin: func(ctx *fasthttp.RequestCtx) bool {
			return len(ctx.Request.Header.Peek(fasthttp.HeaderOrigin)) == 0 || s.AllowOrigin(ctx)
		},
	}
}

// maxPartial bounds the bytes of messages that have arrived in part.
const maxPartial = 256 << 20

// ServeWebSocket answers a request for a plain WebSocket, whose key has been
// checked. A *Refusal is left for the caller to answer.
func (r *Server) ServeWebSocket(ctx *fasthttp.RequestCtx, caller Caller) error {
	if refusal := r.admit(caller); refusal != nil {
		return refusal
	}
	_ = r.upgrader.Upgrade(ctx, func(conn *websocket.Conn) websocket.Handler { // where it fails, the response says why
		ticket, refusal := r.admission.acquire(caller.Addr, caller.Principal.Name)
		if refusal != nil {
			conn.Close(websocket.TryAgainLater, refusal.detail)
			return refusedHandler{}
		}
		s := &webSocketSession{conn: conn}
		s.session = session{srv: r, member: s, principal: caller.Principal, lease: ticket}
		s.shard = r.heartbeat.add(s)
		r.counters.sessions[indexWebSocket].Add(1)
		return s
	})
	return nil
}

// refused is a session that found its place taken.
type refusedHandler struct{}

func (refusedHandler) Message(websocket.Opcode, []byte) {}
func (refusedHandler) Closed(int, error)                {}

// Deliver sends a frame.
func (s *webSocketSession) Deliver(f *hub.Frame) {
	m := f.Encoded(formatWebSocket, func(f *hub.Frame) any {
		return websocket.NewMessage(websocket.Text, appendFrame(make([]byte, 0, len(f.Data)+len(f.Room)+64), f))
	}).(*websocket.Message)
	s.checkSlow(s.conn.SendLatest(eventloop.Key(f.Key), m))
}

// sent counts a client that is being sent off because it reads too slowly. It
// may take its time to go; the rooms don't wait for that. Any other error is
// followed by Closed, too.
func (s *webSocketSession) checkSlow(err error) {
	if errors.Is(err, eventloop.ErrSlowClient) && !s.slow.Swap(true) {
		s.srv.counters.slow[indexWebSocket].Add(1)
		s.end()
	}
}

func (s *webSocketSession) revoke() { s.conn.Close(websocket.PolicyViolation, revokedReason) }

func (s *webSocketSession) ping() { s.checkSlow(s.conn.Ping()) }

// Closed is the end of the session.
func (s *webSocketSession) Closed(_ int, err error) {
	s.checkSlow(err) // found out by an answer of the protocol's
	s.srv.counters.sessions[indexWebSocket].Add(-1)
	s.srv.heartbeat.remove(s, s.shard)
	s.lease.release()
	s.end()
}

// Message answers a request.
func (s *webSocketSession) Message(op websocket.Opcode, data []byte) {
	if op != websocket.Text {
		s.send(errorResponse(nil, &Fault{Kind: kindInvalid, Detail: "want JSON in text messages"}))
		return
	}
	q, fault := parseRequest(data)
	if fault == nil {
		fault = s.checkRate()
	}
	if fault == nil {
		fault = s.answer(&q)
	}
	if fault != nil {
		s.send(errorResponse(q.ID, fault))
	}
}

// answer does what a request asks for; a fault is left to be answered.
func (s *webSocketSession) answer(q *request) *Fault {
	ok := func() { s.send(append(appendResponse(nil, q.ID, true), '}')) }
	switch q.Op {
	case opSubscribe:
		return s.subscribe(context.Background(), q.Rooms, ok)
	case opUnsubscribe:
		if fault := s.unsubscribe(q.Rooms); fault != nil {
			return fault
		}
		ok()
	case opPing:
		ok()
	case opTelemetry:
		body := q.telemetry()
		if body == nil {
			return &Fault{Kind: kindInvalid, Detail: "want machine, ts and values, or data with one or several of these"}
		}
		receipt, fault := s.ingest(body)
		if fault != nil {
			return fault
		}
		s.send(append(receipt.appendMembers(appendResponse(nil, q.ID, receipt.Err == nil)), '}'))
	default:
		return &Fault{Kind: kindInvalid, Detail: "op must be subscribe, unsubscribe, telemetry or ping"}
	}
	return nil
}

func (s *webSocketSession) send(text []byte) {
	s.checkSlow(s.conn.Send(websocket.NewMessage(websocket.Text, text)))
}

// ingest commits telemetry.
func (c *session) ingest(body []byte) (IngestResult, *Fault) {
	if fault := c.authorize(access.Ingest); fault != nil {
		return IngestResult{}, fault
	}
	if c.srv.options.Ingest == nil {
		return IngestResult{}, &Fault{Kind: kindForbidden, Detail: "telemetry is not taken here"}
	}
	receipt := c.srv.options.Ingest(context.Background(), body)
	return receipt, nil
}
