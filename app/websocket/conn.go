package websocket

import (
	"net"
	"sync"

	"smart-factory-backend/app/websocket/eventloop"
)

// Conn is a WebSocket connection. All methods are safe for concurrent use.
type Conn struct {
	conn     eventloop.Conn
	upgrader *Upgrader
	deflate  bool

	// These belong to the goroutine that serves the connection.
	open    func(*Conn) Handler // nil once called
	handler Handler
	reader  frameReader

	mu         sync.Mutex
	closeSent  bool        // a close frame is queued; nothing may follow it
	closeErr   *CloseError // the first close frame, of either side
	closeTimer *eventloop.Timer
}

// addConn creates a connection and registers it with the event loop.
func (u *Upgrader) addConn(t eventloop.Transport, deflate bool, open func(*Conn) Handler) {
	c := &Conn{upgrader: u, deflate: deflate, open: open}
	if err := u.Loop.Add(&c.conn, t, (*loopHandler)(c), u.QueueLimit); err != nil {
		_ = t.Close() // open has not been called, so nobody waits for Closed
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

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Loop returns the event loop that serves the connection.
func (c *Conn) Loop() *eventloop.Loop { return c.conn.Loop() }

// Deflate reports whether permessage-deflate was negotiated.
func (c *Conn) Deflate() bool { return c.deflate }

// Account returns what the connection is charged for.
func (c *Conn) Account() *eventloop.Account { return c.conn.Account() }

// Evict closes the connection with 1013 and drops what is queued.
func (c *Conn) Evict() { c.conn.Evict() }

// Queued returns the number of bytes that wait to be sent.
func (c *Conn) Queued() int { return c.conn.Queued() }

// Send queues messages with nothing in between, and does not block. It returns
// an error if the connection has ended or is ending. That is
// eventloop.ErrSlowClient if this call exceeded Upgrader.QueueLimit.
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

// SendLatest is Send for a message that a newer one with the same key may
// replace while it is queued. A message with key 0 is never replaced.
func (c *Conn) SendLatest(key eventloop.Key, m *Message) error {
	frame := m.frameFor(c.deflate)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeSent {
		return eventloop.ErrClosed
	}
	return c.conn.SendShared(key, frame, &m.shared)
}

// Ping sends a ping frame (section 5.5.2). The pong is ignored: if the peer is
// gone, TCP reports it.
func (c *Conn) Ping() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeSent {
		return eventloop.ErrClosed
	}
	return c.conn.Send(0, controlFrame(opPing, nil))
}

// loopHandler is the eventloop.Handler of a Conn.
type loopHandler Conn

func (h *loopHandler) Readable(*eventloop.Conn) {
	c := (*Conn)(h)
	if open := c.open; open != nil {
		c.open = nil
		if c.handler = open(c); c.handler == nil {
			c.conn.Abort(nil)
			return
		}
	}
	c.receive()
}

func (h *loopHandler) Failed(*eventloop.Conn) {
	(*Conn)(h).fail(InternalError, "internal error")
}

func (h *loopHandler) Slow(reason error) []byte {
	if reason == eventloop.ErrOutOfMemory { //nolint:errorlint // it is never wrapped
		return closeFrame(TryAgainLater, "out of memory")
	}
	return closeFrame(TryAgainLater, "too slow")
}

func (h *loopHandler) Closed(err error) {
	c := (*Conn)(h)
	c.mu.Lock()
	c.closeSent = true
	closeErr, timer := c.closeErr, c.closeTimer
	c.mu.Unlock()
	if timer != nil {
		c.Loop().StopTimer(timer)
	}
	c.reader.release(c)
	if c.handler == nil {
		return
	}
	switch {
	case err == eventloop.ErrSlowClient, err == eventloop.ErrOutOfMemory: //nolint:errorlint // it is never wrapped
		c.handler.Closed(TryAgainLater, err)
	case closeErr != nil:
		c.handler.Closed(closeErr.Code, closeErr)
	default:
		c.handler.Closed(Abnormal, err)
	}
}
