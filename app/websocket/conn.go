package websocket

import (
	"net"
	"sync"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

const (
	// closeGrace is how long a peer may take to answer a close frame.
	closeGrace = 5 * time.Second
	// lingerGrace is how long a peer may take to end its side once there is
	// nothing more to say.
	lingerGrace = time.Second
)

// Conn is one WebSocket. All methods are safe for concurrent use.
type Conn struct {
	ev      eventloop.Conn
	u       *Upgrader
	deflate bool

	// The goroutine that serves the connection owns these.
	open func(*Conn) Handler // until it has been called
	h    Handler
	read reader

	mu    sync.Mutex
	sent  bool        // our close frame is queued; nothing may follow it
	ended *CloseError // the first close frame, of either side
	timer *eventloop.Timer
}

// start has the loop serve a connection whose handshake is done.
func (u *Upgrader) start(t eventloop.Transport, deflate bool, open func(*Conn) Handler) {
	c := &Conn{u: u, deflate: deflate, open: open}
	if err := u.Loop.Add(&c.ev, t, (*events)(c), u.QueueLimit); err != nil {
		_ = t.Close() // nobody has been told of it
		return
	}
	t.OnShutdown(func() {
		if u.Leave != nil {
			u.Leave(c)
			return
		}
		c.Close(GoingAway, "server is going away")
	})
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.ev.RemoteAddr() }

// Loop is the event loop that serves the connection.
func (c *Conn) Loop() *eventloop.Loop { return c.ev.Loop() }

// Deflate reports whether permessage-deflate was negotiated.
func (c *Conn) Deflate() bool { return c.deflate }

// Queued is how many bytes wait to be sent.
func (c *Conn) Queued() int { return c.ev.Queued() }

// Send queues messages with nothing in between, and does not block. The error
// is that of a connection that has ended, or that has just been ended because
// its peer reads too slowly: eventloop.ErrSlow.
func (c *Conn) Send(ms ...*Message) error {
	if len(ms) == 1 {
		return c.SendLatest(0, ms[0])
	}
	frames := make([][]byte, len(ms))
	for i, m := range ms {
		frames[i] = m.frame(c.deflate)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return eventloop.ErrClosed
	}
	return c.ev.SendAll(frames...)
}

// SendLatest queues a message that a newer one of the same key may replace
// while it waits. Key 0 is never replaced.
func (c *Conn) SendLatest(key eventloop.Key, m *Message) error {
	frame := m.frame(c.deflate)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return eventloop.ErrClosed
	}
	return c.ev.Send(key, frame)
}

// Ping sends a ping. The answer shows only in that the connection stays: TCP
// notices a peer that is gone.
func (c *Conn) Ping() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return eventloop.ErrClosed
	}
	return c.ev.Send(0, controlFrame(opPing, nil))
}

// Close sends what waits and then a close frame with code and reason, and
// waits, without blocking, for the peer's: for five seconds. What arrives
// meanwhile is thrown away. Only the first call does anything. code is one
// that RFC 6455, section 7.4, allows in a frame, or NoStatus.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.sayCloseLocked(code, reason, true) {
		return
	}
	c.timer = &eventloop.Timer{}
	c.ev.Loop().After(c.timer, closeGrace, func() { c.ev.Abort(nil) })
}

// Abort ends the connection at once, without a close frame. Handler.Closed
// gets err.
func (c *Conn) Abort(err error) { c.ev.Abort(err) }

// sayCloseLocked queues our close frame, and reports whether it is the first.
func (c *Conn) sayCloseLocked(code int, reason string, ours bool) bool {
	if c.sent {
		return false
	}
	c.sent = true
	if c.ended == nil {
		c.ended = &CloseError{Code: code, Reason: reason, Ours: ours}
	}
	_ = c.ev.Send(0, closeFrame(code, reason)) // where it fails, the end is near anyway
	return true
}

// fail ends the connection for something that its peer did or that went wrong
// here: there is no sense in waiting for the peer's close frame.
func (c *Conn) fail(code int, reason string) {
	c.mu.Lock()
	c.sayCloseLocked(code, reason, true)
	c.mu.Unlock()
	c.ev.Finish(lingerGrace)
}

// peerClosed answers the peer's close frame (section 5.5.1); the server ends
// the connection then (section 7.1.1).
func (c *Conn) peerClosed(code int, reason string) {
	c.mu.Lock()
	if c.ended == nil {
		c.ended = &CloseError{Code: code, Reason: reason}
	}
	c.sayCloseLocked(code, "", false)
	c.mu.Unlock()
	c.ev.Finish(lingerGrace)
}

// closing reports whether our close frame is on its way.
func (c *Conn) closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// events is a Conn as its event loop sees it.
type events Conn

func (e *events) Readable(*eventloop.Conn) {
	c := (*Conn)(e)
	if open := c.open; open != nil {
		c.open = nil
		if c.h = open(c); c.h == nil {
			c.ev.Abort(nil)
			return
		}
	}
	c.receive()
}

func (e *events) Failed(*eventloop.Conn) {
	(*Conn)(e).fail(InternalError, "internal error")
}

func (e *events) Slow() []byte {
	return closeFrame(TryAgainLater, "too slow")
}

func (e *events) Closed(err error) {
	c := (*Conn)(e)
	c.mu.Lock()
	c.sent = true
	ended, timer := c.ended, c.timer
	c.mu.Unlock()
	if timer != nil {
		c.Loop().Stop(timer)
	}
	c.read.release(c.u)
	if c.h == nil {
		return
	}
	switch {
	case err == eventloop.ErrSlow: //nolint:errorlint // it is never wrapped
		c.h.Closed(TryAgainLater, err)
	case ended != nil:
		c.h.Closed(ended.Code, ended)
	default:
		c.h.Closed(Abnormal, err)
	}
}
