package websocket

import (
	"net"
	"sync"
	"time"

	"smart-factory-backend/app/websocket/eventloop"
)

const (
	// closeGrace is how long a peer may take to answer a close frame.
	closeTimeout = 5 * time.Second
	// lingerGrace is how long a peer may take to end its side once there is
	// nothing more to say.
	lingerTimeout = time.Second
)

// Conn is one WebSocket. All methods are safe for concurrent use.
type Conn struct {
	conn     eventloop.Conn
	upgrader *Upgrader
	deflate  bool

	// The goroutine that serves the connection owns these.
	open    func(*Conn) Handler // until it has been called
	handler Handler
	reader  frameReader

	mu         sync.Mutex
	closeSent  bool        // our close frame is queued; nothing may follow it
	closeErr   *CloseError // the first close frame, of either side
	closeTimer *eventloop.Timer
}

// start has the loop serve a connection whose handshake is done.
func (u *Upgrader) addConn(t eventloop.Transport, deflate bool, open func(*Conn) Handler) {
	c := &Conn{upgrader: u, deflate: deflate, open: open}
	if err := u.Loop.Add(&c.conn, t, (*loopHandler)(c), u.QueueLimit); err != nil {
		_ = t.Close() // nobody has been told of it
		return
	}
	t.OnShutdown(func() {
		if u.OnShutdown != nil {
			u.OnShutdown(c)
			return
		}
		c.Close(GoingAway, "server is going away")
	})
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Loop is the event loop that serves the connection.
func (c *Conn) Loop() *eventloop.Loop { return c.conn.Loop() }

// Deflate reports whether permessage-deflate was negotiated.
func (c *Conn) Deflate() bool { return c.deflate }

// Queued is how many bytes wait to be sent.
func (c *Conn) Queued() int { return c.conn.Queued() }

// Send queues messages with nothing in between, and does not block. The error
// is that of a connection that has ended, or that has just been ended because
// its peer reads too slowly: eventloop.ErrSlow.
func (c *Conn) Send(ms ...*Message) error {
	if len(ms) == 1 {
		return c.SendLatest(0, ms[0])
	}
	frames := make([][]byte, len(ms))
	for i, m := range ms {
		frames[i] = m.frameFor(c.deflate)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeSent {
		return eventloop.ErrClosed
	}
	return c.conn.SendAll(frames...)
}

// SendLatest queues a message that a newer one of the same key may replace
// while it waits. Key 0 is never replaced.
func (c *Conn) SendLatest(key eventloop.Key, m *Message) error {
	frame := m.frameFor(c.deflate)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeSent {
		return eventloop.ErrClosed
	}
	return c.conn.Send(key, frame)
}

// Ping sends a ping. The answer shows only in that the connection stays: TCP
// notices a peer that is gone.
func (c *Conn) Ping() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeSent {
		return eventloop.ErrClosed
	}
	return c.conn.Send(0, controlFrame(opPing, nil))
}

// Close sends what waits and then a close frame with code and reason, and
// waits, without blocking, for the peer's: for five seconds. What arrives
// meanwhile is thrown away. Only the first call does anything. code is one
// that RFC 6455, section 7.4, allows in a frame, or NoStatus.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.sendCloseLocked(code, reason, true) {
		return
	}
	c.closeTimer = &eventloop.Timer{}
	c.conn.Loop().SetTimer(c.closeTimer, closeTimeout, func() { c.conn.Abort(nil) })
}

// Abort ends the connection at once, without a close frame. Handler.Closed
// gets err.
func (c *Conn) Abort(err error) { c.conn.Abort(err) }

// sayCloseLocked queues our close frame, and reports whether it is the first.
func (c *Conn) sendCloseLocked(code int, reason string, ours bool) bool {
	if c.closeSent {
		return false
	}
	c.closeSent = true
	if c.closeErr == nil {
		c.closeErr = &CloseError{Code: code, Reason: reason, ByServer: ours}
	}
	_ = c.conn.Send(0, closeFrame(code, reason)) // where it fails, the end is near anyway
	return true
}

// fail ends the connection for something that its peer did or that went wrong
// here: there is no sense in waiting for the peer's close frame.
func (c *Conn) fail(code int, reason string) {
	c.mu.Lock()
	c.sendCloseLocked(code, reason, true)
	c.mu.Unlock()
	c.conn.Finish(lingerTimeout)
}

// peerClosed answers the peer's close frame (section 5.5.1); the server ends
// the connection then (section 7.1.1).
func (c *Conn) peerClosed(code int, reason string) {
	c.mu.Lock()
	if c.closeErr == nil {
		c.closeErr = &CloseError{Code: code, Reason: reason}
	}
	c.sendCloseLocked(code, "", false)
	c.mu.Unlock()
	c.conn.Finish(lingerTimeout)
}

// closing reports whether our close frame is on its way.
func (c *Conn) closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeSent
}

// events is a Conn as its event loop sees it.
type loopHandler Conn

func (e *loopHandler) Readable(*eventloop.Conn) {
	c := (*Conn)(e)
	if open := c.open; open != nil {
		c.open = nil
		if c.handler = open(c); c.handler == nil {
			c.conn.Abort(nil)
			return
		}
	}
	c.receive()
}

func (e *loopHandler) Failed(*eventloop.Conn) {
	(*Conn)(e).fail(InternalError, "internal error")
}

func (e *loopHandler) Slow() []byte {
	return closeFrame(TryAgainLater, "too slow")
}

func (e *loopHandler) Closed(err error) {
	c := (*Conn)(e)
	c.mu.Lock()
	c.closeSent = true
	ended, timer := c.closeErr, c.closeTimer
	c.mu.Unlock()
	if timer != nil {
		c.Loop().StopTimer(timer)
	}
	c.reader.release(c.upgrader)
	if c.handler == nil {
		return
	}
	switch {
	case err == eventloop.ErrSlowClient: //nolint:errorlint // it is never wrapped
		c.handler.Closed(TryAgainLater, err)
	case ended != nil:
		c.handler.Closed(ended.Code, ended)
	default:
		c.handler.Closed(Abnormal, err)
	}
}
