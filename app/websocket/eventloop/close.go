package eventloop

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Abort ends the connection at once, also while its handler runs. Queued data
// is not sent. Handler.Closed receives err, or ErrClosed if err is nil.
func (c *Conn) Abort(err error) {
	if err == nil {
		err = ErrClosed
	}
	c.fail(err)
}

// Finish sends what is queued, closes the sending side, and closes the
// connection when the peer has closed its side or grace has passed. It does
// not block. Send is refused from now on, and what arrives is discarded:
// closing a socket with unread bytes resets the connection, and the peer may
// lose the last data.
func (c *Conn) Finish(grace time.Duration) {
	c.mu.Lock()
	if c.finishing || c.err != nil {
		c.mu.Unlock()
		return
	}
	c.finishLocked(grace, ErrClosed)
	c.flushLocked()
	c.mu.Unlock()
	c.wake()
}

func (c *Conn) finishLocked(grace time.Duration, err error) {
	c.finishing, c.finishErr, c.corked = true, err, false
	c.finishTimer = &Timer{}
	c.shard.loop.SetTimer(c.finishTimer, grace, func() { c.fail(err) })
}

// closeErr returns why the connection ends; nil if it does not.
func (c *Conn) closeErr() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// fail records why the connection ends and wakes it to be closed. Only the
// first call counts. Queued data is not sent.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		if c.state.Load() != closed { // the handler may run for long: tell the peer now
			_ = unix.Shutdown(c.transport.Descriptor(), unix.SHUT_RDWR)
		}
	}
	c.mu.Unlock()
	c.wake()
}

// close closes the socket and calls Handler.Closed. The goroutine that serves
// the connection calls it once.
func (c *Conn) close() {
	c.mu.Lock()
	for c.writing { // for microseconds; a closed descriptor could be reused during the write
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	c.state.Store(closed)
	for i := range c.queue {
		c.removeLocked(&c.queue[i])
	}
	c.queue, c.inline, c.queuedBytes, c.offset, c.charged = nil, [1]chunk{}, 0, 0, false
	err := c.err
	if c.finishing {
		err = c.finishErr
	}
	timer := c.finishTimer
	c.shard.removeConn(c)
	_ = c.transport.Close()
	c.mu.Unlock()
	if timer != nil {
		c.shard.loop.StopTimer(timer)
	}
	c.account.Close()
	c.transport.Guard(&closeTask{c, err})
}

// closeTask calls Handler.Closed, under Transport.Guard.
type closeTask struct {
	c   *Conn
	err error
}

func (t *closeTask) Run()    { t.c.handler.Closed(t.err) }
func (t *closeTask) Failed() {}
