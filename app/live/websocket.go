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
type webSocket struct {
	client
	conn *websocket.Conn
	part int         // of the heartbeat
	slow atomic.Bool // it is being sent off for that
}

func (r *Realtime) newUpgrader() *websocket.Upgrader {
	s := r.serving
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
func (r *Realtime) ServeWebSocket(ctx *fasthttp.RequestCtx, caller Caller) error {
	if refusal := r.admit(caller); refusal != nil {
		return refusal
	}
	_ = r.upgrader.Upgrade(ctx, func(conn *websocket.Conn) websocket.Handler { // where it fails, the response says why
		ticket, refusal := r.door.enter(caller.Addr, caller.Who.Name)
		if refusal != nil {
			conn.Close(websocket.TryAgainLater, refusal.detail)
			return refused{}
		}
		s := &webSocket{conn: conn}
		s.client = client{r: r, member: s, who: caller.Who, ticket: ticket}
		s.part = r.beat.add(s)
		r.counts.sessions[placeWebSocket].Add(1)
		return s
	})
	return nil
}

// refused is a session that found its place taken.
type refused struct{}

func (refused) Message(websocket.Opcode, []byte) {}
func (refused) Closed(int, error)                {}

// Deliver sends a frame.
func (s *webSocket) Deliver(f *hub.Frame) {
	m := f.Encoded(formWebSocket, func(f *hub.Frame) any {
		return websocket.NewMessage(websocket.Text, appendEvent(make([]byte, 0, len(f.Data)+len(f.Room)+64), f))
	}).(*websocket.Message)
	s.sent(s.conn.SendLatest(eventloop.Key(f.Key), m))
}

// sent counts a client that is being sent off because it reads too slowly. It
// may take its time to go; the rooms don't wait for that. Any other error is
// followed by Closed, too.
func (s *webSocket) sent(err error) {
	if errors.Is(err, eventloop.ErrSlow) && !s.slow.Swap(true) {
		s.r.counts.slow[placeWebSocket].Add(1)
		s.leave()
	}
}

func (s *webSocket) dismiss() { s.conn.Close(websocket.PolicyViolation, keyGone) }

func (s *webSocket) beat() { s.sent(s.conn.Ping()) }

// Closed is the end of the session.
func (s *webSocket) Closed(_ int, err error) {
	s.sent(err) // found out by an answer of the protocol's
	s.r.counts.sessions[placeWebSocket].Add(-1)
	s.r.beat.remove(s, s.part)
	s.ticket.release()
	s.leave()
}

// Message answers a request.
func (s *webSocket) Message(op websocket.Opcode, data []byte) {
	if op != websocket.Text {
		s.send(answerFault(nil, &Fault{Kind: kindInvalid, Detail: "want JSON in text messages"}))
		return
	}
	q, fault := parseRequest(data)
	if fault == nil {
		fault = s.limit()
	}
	if fault == nil {
		fault = s.answer(&q)
	}
	if fault != nil {
		s.send(answerFault(q.ID, fault))
	}
}

// answer does what a request asks for; a fault is left to be answered.
func (s *webSocket) answer(q *request) *Fault {
	ok := func() { s.send(append(appendAnswer(nil, q.ID, true), '}')) }
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
		body := q.body()
		if body == nil {
			return &Fault{Kind: kindInvalid, Detail: "want machine, ts and values, or data with one or several of these"}
		}
		receipt, fault := s.ingest(body)
		if fault != nil {
			return fault
		}
		s.send(append(receipt.appendTo(appendAnswer(nil, q.ID, receipt.Err == nil)), '}'))
	default:
		return &Fault{Kind: kindInvalid, Detail: "op must be subscribe, unsubscribe, telemetry or ping"}
	}
	return nil
}

func (s *webSocket) send(text []byte) {
	s.sent(s.conn.Send(websocket.NewMessage(websocket.Text, text)))
}

// ingest commits telemetry.
func (c *client) ingest(body []byte) (Receipt, *Fault) {
	if fault := c.may(access.Ingest); fault != nil {
		return Receipt{}, fault
	}
	if c.r.options.Ingest == nil {
		return Receipt{}, &Fault{Kind: kindForbidden, Detail: "telemetry is not taken here"}
	}
	receipt := c.r.options.Ingest(context.Background(), body)
	return receipt, nil
}
