package eventloop

import (
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	bufferSize = 64 << 10
	// highWater is how much may gather before it is written without waiting
	// for more.
	flushThreshold = 32 << 10
	// slowGrace is how long a peer that reads too slowly has to take what is
	// on its way, and to learn why it is sent off.
	slowClientGrace = 30 * time.Second
)

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// chunk is data that waits to be sent.
type chunk struct {
	key  Key
	data []byte
}

// Send queues data, and does not block. data must not be changed any more; it
// is shared, not copied. With a Key it takes the place of what waits under
// that Key, once as much waits as Options.ReplaceAbove says. When more than the
// bound waits, the peer is sent off: what waits is dropped, Handler.Slow has
// the last word, and Closed gets ErrSlow.
//
// The error is that of a connection that has ended or is about to.
func (c *Conn) Send(key Key, data []byte) error {
	c.mu.Lock()
	if err := c.sendErrLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	if key == 0 || !c.replaceLocked(key, data) {
		c.queue = append(c.queue, chunk{key, data})
		c.queuedBytes += len(data)
	}
	return c.enqueuedLocked()
}

// SendAll queues several pieces of data, with nothing in between. See Send.
func (c *Conn) SendAll(pieces ...[]byte) error {
	c.mu.Lock()
	if err := c.sendErrLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	for _, data := range pieces {
		c.queue = append(c.queue, chunk{0, data})
		c.queuedBytes += len(data)
	}
	return c.enqueuedLocked()
}

// Queued is how many bytes wait.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queuedBytes
}

func (c *Conn) sendErrLocked() error {
	switch {
	case c.err != nil:
		return c.err
	case c.finishing:
		return ErrClosed
	default:
		return nil
	}
}

// replaceLocked puts data in the place of what waits under its key.
func (c *Conn) replaceLocked(key Key, data []byte) bool {
	if c.queuedBytes < c.shard.loop.replaceAbove {
		return false
	}
	first := c.inFlight
	if c.offset > 0 {
		first = max(first, 1)
	}
	for i := len(c.queue) - 1; i >= first; i-- {
		if c.queue[i].key == key {
			c.queuedBytes += len(data) - len(c.queue[i].data)
			c.queue[i].data = data
			c.shard.loop.replaced.Add(1)
			return true
		}
	}
	return false
}

// sentLocked sees to it that the queue is written, and unlocks.
func (c *Conn) enqueuedLocked() error {
	defer c.mu.Unlock()
	if stall := c.shard.loop.stallAfter; c.blocked && stall > 0 && time.Since(c.shard.loop.startedAt)-c.blockedSince > stall {
		c.closeSlowLocked()
		return ErrSlowClient
	}
	if c.queuedBytes > flushThreshold {
		c.flushLocked()
		if c.queuedBytes > c.limit && len(c.queue) > 1 {
			c.closeSlowLocked()
			return ErrSlowClient
		}
	}
	if len(c.queue) > 0 && !c.scheduled && !c.writing && !c.blocked {
		c.scheduled = true
		c.shard.schedule(c, c.corked)
	}
	return nil
}

// slowLocked sends off a peer that reads too slowly.
func (c *Conn) closeSlowLocked() {
	c.shard.loop.slow.Add(1)
	keep := c.inFlight
	if c.offset > 0 {
		keep = max(keep, 1) // a half can't be taken back
	}
	for i := keep; i < len(c.queue); i++ {
		c.queuedBytes -= len(c.queue[i].data)
		c.queue[i] = chunk{}
	}
	c.queue = c.queue[:keep]
	if last := c.handler.Slow(); last != nil {
		c.queue = append(c.queue, chunk{0, last})
		c.queuedBytes += len(last)
	}
	c.finishLocked(slowClientGrace, ErrSlowClient)
}

// uncork ends the time in which what is sent waits for more.
func (c *Conn) uncork() {
	c.mu.Lock()
	c.corked = false
	c.flushLocked()
	c.mu.Unlock()
}

func (c *Conn) flush() {
	c.mu.Lock()
	c.flushLocked()
	c.mu.Unlock()
}

func (c *Conn) flushScheduled() {
	c.mu.Lock()
	c.scheduled = false
	c.flushLocked()
	c.mu.Unlock()
}

// makeRoom is told that the kernel takes bytes again.
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
		c.shard.schedule(c, false)
	}
}

// flushLocked writes what waits, as much at once as there is. The lock is not
// held while it writes.
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
		}
	}
	if c.finishing && !c.writeClosed && len(c.queue) == 0 && !c.transportPending && c.err == nil && !c.writing {
		c.writeClosed = true
		_ = c.transport.CloseWrite()
	}
}

// failLocked notes that the peer is gone, and has the goroutine that serves
// the connection see to it.
func (c *Conn) writeFailedLocked(err error) {
	c.err = err
	c.mu.Unlock()
	c.wake()
	c.mu.Lock()
}

// gatherLocked returns what goes out next, and the buffer that it is in, if
// several pieces were joined.
func (c *Conn) gatherLocked() (data []byte, buf *[bufferSize]byte) {
	if len(c.queue) == 0 {
		return nil, nil // for the transport to send on what it holds
	}
	data = c.queue[0].data[c.offset:]
	c.inFlight = 1
	if len(c.queue) == 1 || len(data)+len(c.queue[1].data) > bufferSize {
		return data, nil
	}
	buf = buffers.Get().(*[bufferSize]byte)
	n := copy(buf[:], data)
	for _, next := range c.queue[1:] {
		if n+len(next.data) > bufferSize {
			break
		}
		n += copy(buf[n:], next.data)
		c.inFlight++
	}
	return buf[:n], buf
}

// leftLocked takes n bytes off the queue.
func (c *Conn) consumeLocked(n int) {
	c.inFlight = 0
	n += c.offset
	c.queuedBytes -= n - c.offset
	i := 0
	for i < len(c.queue) && n >= len(c.queue[i].data) {
		n -= len(c.queue[i].data)
		c.queue[i] = chunk{}
		i++
	}
	c.offset = n
	switch {
	case i == len(c.queue):
		c.queue = c.inline[:0]
	case i > 0:
		c.queue = slices.Delete(c.queue, 0, i)
	}
}
