package eventloop

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	bufferSize = 64 << 10
	// flushThreshold is how many bytes are queued before Send writes them
	// itself instead of scheduling a flush.
	flushThreshold = 32 << 10
)

// buffers join chunks into one write, and receive what is discarded.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// uncork flushes what the handler has sent while it ran.
func (c *Conn) uncork() {
	c.mu.Lock()
	c.corked = false
	c.flushLocked()
	c.mu.Unlock()
}

// flushScheduled flushes a connection from the shard's list.
func (c *Conn) flushScheduled() {
	c.mu.Lock()
	c.scheduled = false
	c.flushLocked()
	c.mu.Unlock()
}

// onWritable handles EPOLLOUT: the socket accepts bytes again.
func (c *Conn) onWritable() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		c.becameWritable = true
		return
	}
	if !c.blocked {
		return
	}
	c.blocked = false
	if !c.scheduled && c.err == nil {
		c.scheduled = true
		c.shard.scheduleFlush(c, false)
	}
}

// flushLocked writes the queue until it is empty or the socket is full. It
// unlocks during each write. While finishing, an empty queue closes the
// sending side.
func (c *Conn) flushLocked() {
	for !c.writing && !c.blocked && c.err == nil && (len(c.queue) > 0 || c.transportPending) {
		data, buf := c.gatherLocked()
		c.writing, c.becameWritable = true, false
		c.mu.Unlock()
		n, err := c.transport.TryWrite(data)
		if buf != nil {
			buffers.Put(buf)
		}
		c.mu.Lock()
		c.writing = false
		c.consumeLocked(n)
		c.transportPending = err != nil && n == len(data)
		switch {
		case err == nil:
		case !errors.Is(err, unix.EAGAIN):
			c.writeFailedLocked(err)
		case !c.becameWritable:
			c.blocked, c.blockedSince = true, time.Since(c.shard.loop.startedAt)
			c.chargeLocked()
		}
	}
	c.resumeLocked()
	if c.finishing && !c.writeClosed && len(c.queue) == 0 && !c.transportPending && c.err == nil && !c.writing {
		c.writeClosed = true
		_ = c.transport.CloseWrite()
	}
}

// writeFailedLocked records a failed write and wakes the connection to be
// closed. It unlocks meanwhile, because waking may close it right here.
func (c *Conn) writeFailedLocked(err error) {
	c.err = err
	c.mu.Unlock()
	c.wake()
	c.mu.Lock()
}
