package live

import (
	"context"
	"strconv"
	"time"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// sseSession is a session with Server-Sent Events: a response without an end.
type sseSession struct {
	session
	conn  eventloop.Conn
	rooms []room

	// The heartbeat's, guarded by session.mu: the connection may close before it is
	// registered.
	shard             int
	registered, ended bool
}

const (
	// drainTimeout is how long a client may take to read what is queued when the
	// stream ends.
	drainTimeout = 5 * time.Second
	// handoverTimeout is the longest time between the return of the handler and
	// the handover of the connection.
	handoverTimeout = time.Minute
	// commentKey is the replacement key of pings: at most one is queued.
	commentKey = eventloop.Key(1)

	sseContentType = "text/event-stream; charset=utf-8"
)

// ServeSSE responds to a request with the events of rooms. The caller has checked
// the key. The rooms are loaded before the response starts. On an error, a *Refusal
// or a domain error, the caller writes the response.
func (s *Server) ServeSSE(ctx *fasthttp.RequestCtx, caller Caller, names []string) error {
	if refusal := s.admit(caller); refusal != nil {
		return refusal
	}
	c := &sseSession{}
	c.session = session{srv: s, member: c, transport: transportSSE, principal: caller.Principal}
	rooms, fault := c.parseRooms(names)
	if fault != nil {
		return &faultError{fault}
	}
	if ctx.IsHead() {
		ctx.SetContentType(sseContentType)
		return nil
	}
	for i, room := range rooms {
		if err := s.acquireRoom(context.Background(), room); err != nil {
			s.releaseRooms(rooms[:i])
			return err
		}
	}
	// The handover may fail without notice. The timer releases the rooms then.
	abandoned := time.AfterFunc(handoverTimeout, func() { s.releaseRooms(rooms) })
	c.rooms = rooms
	head := sseResponseHead(&ctx.Response.Header)
	s.conn.Detach(ctx, func(t eventloop.Transport) {
		if !abandoned.Stop() {
			_ = t.Close()
			return
		}
		c.serve(t, caller, head)
	})
	ctx.HijackSetNoResponse(true)
	return nil
}

// sseResponseHead encodes the head of the response, with the headers that the
// handlers before have set.
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

// serve starts the stream on its connection. It owns the session's rooms.
func (c *sseSession) serve(t eventloop.Transport, caller Caller, head []byte) {
	s := c.srv
	lease, refusal := s.admission.acquire(caller.Addr, caller.Principal.Name)
	if refusal != nil {
		s.releaseRooms(c.rooms)
		_, _ = t.TryWrite([]byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		_ = t.Close()
		return
	}
	c.lease, c.account = lease, c.conn.Account()
	c.start() // Closed may be called from Add on
	if err := s.conn.Loop.Add(&c.conn, t, (*sseHandler)(c), s.conn.QueueBytes); err != nil {
		s.releaseRooms(c.rooms)
		c.finish()
		_ = t.Close()
		return
	}
	c.register()
	// Browsers reconnect after a different time each, not all at once.
	retry := strconv.Itoa(1000 + int(time.Now().UnixNano()/1000%4000))
	_ = c.conn.Send(0, append(head, "retry: "+retry+"\n\n"...))
	for _, room := range c.rooms {
		c.joinRoom(room.name)
	}
	s.closeIfRevoked(c)
	t.OnShutdown(func() { c.conn.Finish(drainTimeout) })
}

// register starts the heartbeat, unless the connection has already closed.
func (c *sseSession) register() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.shard, c.registered = c.srv.heartbeat.add(c), true
	}
}

// unregister ends the heartbeat for good.
func (c *sseSession) unregister() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.registered {
		c.srv.heartbeat.remove(c, c.shard)
	}
}

// Deliver queues a frame.
func (c *sseSession) Deliver(f *hub.Frame) {
	m := f.Encoded(transportSSE, func(f *hub.Frame) any {
		data := appendSSE(nil, f)
		return &sseMessage{data: data, shared: eventloop.Shared{Size: int32(len(data))}} //nolint:gosec // a frame is far below 2 GiB
	}).(*sseMessage)
	c.checkSlow(c.conn.SendShared(eventloop.Key(f.Key), m.data, &m.shared))
}

// sseMessage is a frame as all streams share it.
type sseMessage struct {
	data   []byte
	shared eventloop.Shared
}

// appendSSE appends a frame as one event of a stream (HTML standard, section
// 9.2.6). The data needs one line: JSON written by this package has no line break.
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

// ping sends a comment, which clients ignore.
func (c *sseSession) ping() { c.checkSlow(c.conn.Send(commentKey, []byte(":\n\n"))) }

func (c *sseSession) abort() { c.conn.Abort(eventloop.ErrHandlerFailed) }

func (c *sseSession) revoke() { c.conn.Finish(drainTimeout) }

// sseHandler is an sseSession as the event loop's handler.
type sseHandler sseSession

// Readable discards what a client sends. It only detects the end.
func (*sseHandler) Readable(c *eventloop.Conn) {
	var buf [512]byte
	for {
		if _, err := c.Read(buf[:]); err != nil {
			return
		}
	}
}

// Failed sends nothing. The event loop closes the connection.
func (*sseHandler) Failed(*eventloop.Conn) {}

// Closed ends the session.
func (h *sseHandler) Closed(err error) {
	c := (*sseSession)(h)
	c.checkSlow(err)
	c.unregister()
	c.finish()
}
