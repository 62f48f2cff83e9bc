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
type sseSession struct {
	session
	conn  eventloop.Conn
	shard int // of the heartbeat
	rooms []room
	slow  atomic.Bool // it is being sent off for that
}

const (
	// lastGrace is how long a client may take to fetch what waits for it when
	// the stream ends.
	drainTimeout = 5 * time.Second
	// retryText asks browsers to come back after a while that differs: a
	// server that ends its streams spreads the returns.
	retryField = "retry: "
)

// ServeEvents answers a request for the events of rooms, whose key has been
// checked. The rooms are ready to be shown when the response begins. An error
// is left for the caller to answer: a *Refusal or a domain error.
func (r *Server) ServeSSE(ctx *fasthttp.RequestCtx, caller Caller, names []string) error {
	if refusal := r.admit(caller); refusal != nil {
		return refusal
	}
	s := &sseSession{}
	s.session = session{srv: r, member: s, principal: caller.Principal}
	rooms, fault := s.parseRooms(names)
	if fault != nil {
		return &faultError{fault}
	}
	if ctx.IsHead() {
		ctx.SetContentType(sseContentType)
		return nil
	}
	for i, room := range rooms {
		if err := r.acquireRoom(context.Background(), room); err != nil {
			r.releaseRooms(rooms[:i])
			return err
		}
	}
	// The places of rooms are held until the connection has been handed over,
	// which may come to nothing without anybody being told: then they are
	// given back by the clock.
	hold := time.AfterFunc(handoverTimeout, func() { r.releaseRooms(rooms) })
	s.rooms = rooms
	head := sseResponseHead(&ctx.Response.Header)
	r.conn.Detach(ctx, func(t eventloop.Transport) {
		if !hold.Stop() {
			_ = t.Close()
			return
		}
		s.start(t, caller, head)
	})
	ctx.HijackSetNoResponse(true)
	return nil
}

// handOver is how long it may take from the handler's return to the hand-over.
const handoverTimeout = time.Minute

func (r *Server) releaseRooms(rooms []room) {
	for _, room := range rooms {
		r.releaseRoom(room.name)
	}
}

// faultError is a Fault where an error is wanted.
type faultError struct{ fault *Fault }

func (e *faultError) Error() string { return e.fault.Detail }

// Unwrap gives the kind of a domain error.
func (e *faultError) Unwrap() error { return factory.ErrInvalid }

const sseContentType = "text/event-stream; charset=utf-8"

// eventsHead writes the response's head; what the handler has set stays.
func sseResponseHead(h *fasthttp.ResponseHeader) []byte {
	head := []byte("HTTP/1.1 200 OK\r\nContent-Type: " + sseContentType + "\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n")
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
func (s *sseSession) start(t eventloop.Transport, caller Caller, head []byte) {
	r := s.srv
	ticket, refusal := r.admission.acquire(caller.Addr, caller.Principal.Name)
	if refusal != nil {
		r.releaseRooms(s.rooms)
		_, _ = t.TryWrite([]byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		_ = t.Close()
		return
	}
	s.lease = ticket
	if err := r.conn.Loop.Add(&s.conn, t, (*sseHandler)(s), r.conn.QueueBytes); err != nil {
		r.releaseRooms(s.rooms)
		ticket.release()
		_ = t.Close()
		return
	}
	s.shard = r.heartbeat.add(s)
	r.counters.sessions[indexSSE].Add(1)
	retry := strconv.Itoa(1000 + int(time.Now().UnixNano()/1000%4000))
	_ = s.conn.Send(0, append(head, retryField+retry+"\n\n"...))
	for _, room := range s.rooms {
		s.joinRoom(room.name)
	}
	t.OnShutdown(func() { s.conn.Finish(drainTimeout) })
}

// Deliver sends a frame.
func (s *sseSession) Deliver(f *hub.Frame) {
	data := f.Encoded(formatSSE, func(f *hub.Frame) any { return appendSSE(nil, f) }).([]byte)
	s.checkSlow(s.conn.Send(eventloop.Key(f.Key), data))
}

// sent is that of a webSocket.
func (s *sseSession) checkSlow(err error) {
	if errors.Is(err, eventloop.ErrSlowClient) && !s.slow.Swap(true) {
		s.srv.counters.slow[indexSSE].Add(1)
		s.end()
	}
}

// appendServerSent writes a frame as one event of a stream (HTML standard,
// section 9.2). The data has no line break: it is JSON of ours.
func appendSSE(dst []byte, f *hub.Frame) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, f.Event...)
	dst = append(dst, "\nid: "...)
	dst = append(append(dst, f.Room...), '#')
	dst = strconv.AppendUint(dst, f.Seq, 10)
	dst = append(dst, "\ndata: "...)
	dst = appendFrame(dst, f)
	return append(dst, "\n\n"...)
}

func (s *sseSession) revoke() { s.conn.Finish(drainTimeout) }

func (s *sseSession) ping() { s.checkSlow(s.conn.Send(commentKey, []byte(":\n\n"))) }

// beatKey lets one sign of life wait at a time.
const commentKey = eventloop.Key(1)

// streamEvents is a stream as its event loop sees it.
type sseHandler sseSession

// Readable throws away what a client sends; all that matters is its end.
func (*sseHandler) Readable(c *eventloop.Conn) {
	var buf [512]byte
	for {
		if _, err := c.Read(buf[:]); err != nil {
			return
		}
	}
}

// Failed has nothing to say: the stream ends.
func (*sseHandler) Failed(*eventloop.Conn) {}

// Slow says why the stream ends, to whoever still reads it.
func (*sseHandler) Slow() []byte {
	return []byte("event: error\ndata: {\"kind\":\"slow\",\"detail\":\"too much was left unread\"}\n\n")
}

// Closed is the end of the session.
func (e *sseHandler) Closed(err error) {
	s := (*sseSession)(e)
	s.checkSlow(err)
	s.srv.counters.sessions[indexSSE].Add(-1)
	s.srv.heartbeat.remove(s, s.shard)
	s.lease.release()
	s.end()
}
