package live

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// stream is a session as Server-Sent Events: a response without an end.
type stream struct {
	client
	conn  eventloop.Conn
	part  int // of the heartbeat
	rooms []room
	slow  atomic.Bool // it is being sent off for that
}

const (
	// lastGrace is how long a client may take to fetch what waits for it when
	// the stream ends.
	lastGrace = 5 * time.Second
	// retryText asks browsers to come back after a while that differs: a
	// server that ends its streams spreads the returns.
	retryText = "retry: "
)

// ServeEvents answers a request for the events of rooms, whose key has been
// checked. The rooms are ready to be shown when the response begins. An error
// is left for the caller to answer: a *Refusal or a domain error.
func (r *Realtime) ServeEvents(ctx *fasthttp.RequestCtx, caller Caller, names []string) error {
	if refusal := r.admit(caller); refusal != nil {
		return refusal
	}
	s := &stream{}
	s.client = client{r: r, member: s, who: caller.Who}
	rooms, fault := s.check(names)
	if fault != nil {
		return &faultError{fault}
	}
	if ctx.IsHead() {
		ctx.SetContentType(eventsType)
		return nil
	}
	for i, room := range rooms {
		if err := r.enter(context.Background(), room); err != nil {
			r.exitAll(rooms[:i])
			return err
		}
	}
	// The places of rooms are held until the connection has been handed over,
	// which may come to nothing without anybody being told: then they are
	// given back by the clock.
	hold := time.AfterFunc(handOver, func() { r.exitAll(rooms) })
	s.rooms = rooms
	head := eventsHead(&ctx.Response.Header)
	r.serving.Detach(ctx, func(t eventloop.Transport) {
		if !hold.Stop() {
			_ = t.Close()
			return
		}
		s.begin(t, caller, head)
	})
	ctx.HijackSetNoResponse(true)
	return nil
}

// handOver is how long it may take from the handler's return to the hand-over.
const handOver = time.Minute

func (r *Realtime) exitAll(rooms []room) {
	for _, room := range rooms {
		r.exit(room.name)
	}
}

// faultError is a Fault where an error is wanted.
type faultError struct{ fault *Fault }

func (e *faultError) Error() string { return e.fault.Detail }

// Unwrap gives the kind of a domain error.
func (e *faultError) Unwrap() error { return factory.ErrInvalid }

const eventsType = "text/event-stream; charset=utf-8"

// eventsHead writes the response's head; what the handler has set stays.
func eventsHead(h *fasthttp.ResponseHeader) []byte {
	head := []byte("HTTP/1.1 200 OK\r\nContent-Type: " + eventsType + "\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n")
	for name, value := range h.All() {
		switch string(name) {
		case fasthttp.HeaderContentType, fasthttp.HeaderContentLength, fasthttp.HeaderConnection, fasthttp.HeaderCacheControl:
			continue
		}
		head = append(append(append(append(head, name...), ": "...), value...), "\r\n"...)
	}
	return append(head, "\r\n"...)
}

// begin serves the stream on the connection.
func (s *stream) begin(t eventloop.Transport, caller Caller, head []byte) {
	r := s.r
	ticket, refusal := r.door.enter(caller.Addr, caller.Who.Name)
	if refusal != nil {
		r.exitAll(s.rooms)
		_, _ = t.TryWrite([]byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		_ = t.Close()
		return
	}
	s.ticket = ticket
	if err := r.serving.Loop.Add(&s.conn, t, (*streamEvents)(s), r.serving.QueueBytes); err != nil {
		r.exitAll(s.rooms)
		ticket.release()
		_ = t.Close()
		return
	}
	s.part = r.beat.add(s)
	r.counts.sessions[placeEvents].Add(1)
	retry := strconv.Itoa(1000 + int(time.Now().UnixNano()/1000%4000))
	_ = s.conn.Send(0, append(head, retryText+retry+"\n\n"...))
	for _, room := range s.rooms {
		s.add(room.name)
	}
	t.OnShutdown(func() { s.conn.Finish(lastGrace) })
}

// Deliver sends a frame.
func (s *stream) Deliver(f *hub.Frame) {
	data := f.Encoded(formEvents, func(f *hub.Frame) any { return appendServerSent(nil, f) }).([]byte)
	s.sent(s.conn.Send(eventloop.Key(f.Key), data))
}

// sent is that of a webSocket.
func (s *stream) sent(err error) {
	if errors.Is(err, eventloop.ErrSlow) && !s.slow.Swap(true) {
		s.r.counts.slow[placeEvents].Add(1)
		s.leave()
	}
}

// appendServerSent writes a frame as one event of a stream (HTML standard,
// section 9.2). The data has no line break: it is JSON of ours.
func appendServerSent(dst []byte, f *hub.Frame) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, f.Event...)
	dst = append(dst, "\nid: "...)
	dst = append(append(dst, f.Room...), '#')
	dst = strconv.AppendUint(dst, f.Seq, 10)
	dst = append(dst, "\ndata: "...)
	dst = appendEvent(dst, f)
	return append(dst, "\n\n"...)
}

func (s *stream) dismiss() { s.conn.Finish(lastGrace) }

func (s *stream) beat() { s.sent(s.conn.Send(beatKey, []byte(":\n\n"))) }

// beatKey lets one sign of life wait at a time.
const beatKey = eventloop.Key(1)

// streamEvents is a stream as its event loop sees it.
type streamEvents stream

// Readable throws away what a client sends; all that matters is its end.
func (*streamEvents) Readable(c *eventloop.Conn) {
	var buf [512]byte
	for {
		if _, err := c.Read(buf[:]); err != nil {
			return
		}
	}
}

// Failed has nothing to say: the stream ends.
func (*streamEvents) Failed(*eventloop.Conn) {}

// Slow says why the stream ends, to whoever still reads it.
func (*streamEvents) Slow() []byte {
	return []byte("event: error\ndata: {\"kind\":\"slow\",\"detail\":\"too much was left unread\"}\n\n")
}

// Closed is the end of the session.
func (e *streamEvents) Closed(err error) {
	s := (*stream)(e)
	s.sent(err)
	s.r.counts.sessions[placeEvents].Add(-1)
	s.r.beat.remove(s, s.part)
	s.ticket.release()
	s.leave()
}
