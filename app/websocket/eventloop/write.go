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
	highWater = 32 << 10
	// slowGrace is how long a peer that reads too slowly has to take what is
	// on its way, and to learn why it is sent off.
	slowGrace = 30 * time.Second
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
	if err := c.refusesLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	if key == 0 || !c.replaceLocked(key, data) {
		c.queue = append(c.queue, chunk{key, data})
		c.queued += len(data)
	}
	return c.sentLocked()
}

// SendAll queues several pieces of data, with nothing in between. See Send.
func (c *Conn) SendAll(pieces ...[]byte) error {
	c.mu.Lock()
	if err := c.refusesLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	for _, data := range pieces {
		c.queue = append(c.queue, chunk{0, data})
		c.queued += len(data)
	}
	return c.sentLocked()
}

// Queued is how many bytes wait.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

func (c *Conn) refusesLocked() error {
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
	if c.queued < c.s.loop.above {
		return false
	}
	first := c.leaving
	if c.offset > 0 {
		first = max(first, 1)
	}
	for i := len(c.queue) - 1; i >= first; i-- {
		if c.queue[i].key == key {
			c.queued += len(data) - len(c.queue[i].data)
			c.queue[i].data = data
			c.s.loop.replaced.Add(1)
			return true
		}
	}
	return false
}

// sentLocked sees to it that the queue is written, and unlocks.
func (c *Conn) sentLocked() error {
	defer c.mu.Unlock()
	if stall := c.s.loop.stall; c.blocked && stall > 0 && time.Since(c.s.loop.begin)-c.since > stall {
		c.slowLocked()
		return ErrSlow
	}
	if c.queued > highWater {
		c.flushLocked()
		if c.queued > c.limit && len(c.queue) > 1 {
			c.slowLocked()
			return ErrSlow
		}
	}
	if len(c.queue) > 0 && !c.scheduled && !c.writing && !c.blocked {
		c.scheduled = true
		c.s.schedule(c, c.corked)
	}
	return nil
}

// slowLocked sends off a peer that reads too slowly.
func (c *Conn) slowLocked() {
	c.s.loop.slow.Add(1)
	keep := c.leaving
	if c.offset > 0 {
		keep = max(keep, 1) // a half can't be taken back
	}
	for i := keep; i < len(c.queue); i++ {
		c.queued -= len(c.queue[i].data)
		c.queue[i] = chunk{}
	}
	c.queue = c.queue[:keep]
	if last := c.h.Slow(); last != nil {
		c.queue = append(c.queue, chunk{0, last})
		c.queued += len(last)
	}
	c.finishLocked(slowGrace, ErrSlow)
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
func (c *Conn) makeRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing {
		c.roomy = true
		return
	}
	if !c.blocked {
		return
	}
	c.blocked = false
	if !c.scheduled && c.err == nil {
		c.scheduled = true
		c.s.schedule(c, false)
	}
}

// flushLocked writes what waits, as much at once as there is. The lock is not
// held while it writes.
func (c *Conn) flushLocked() {
	for !c.writing && !c.blocked && c.err == nil && (len(c.queue) > 0 || c.held) {
		data, buf := c.gatherLocked()
		c.writing, c.roomy = true, false
		c.mu.Unlock()
		n, err := c.t.TryWrite(data)
		if buf != nil {
			buffers.Put(buf)
		}
		c.mu.Lock()
		c.writing = false
		c.leftLocked(n)
		c.held = err != nil && n == len(data)
		switch {
		case err == nil:
		case !errors.Is(err, unix.EAGAIN):
			c.failLocked(err)
		case !c.roomy:
			c.blocked, c.since = true, time.Since(c.s.loop.begin)
		}
	}
	if c.finishing && !c.shut && len(c.queue) == 0 && !c.held && c.err == nil && !c.writing {
		c.shut = true
		_ = c.t.CloseWrite()
	}
}

// failLocked notes that the peer is gone, and has the goroutine that serves
// the connection see to it.
func (c *Conn) failLocked(err error) {
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
	c.leaving = 1
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
		c.leaving++
	}
	return buf[:n], buf
}

// leftLocked takes n bytes off the queue.
func (c *Conn) leftLocked(n int) {
	c.leaving = 0
	n += c.offset
	c.queued -= n - c.offset
	i := 0
	for i < len(c.queue) && n >= len(c.queue[i].data) {
		n -= len(c.queue[i].data)
		c.queue[i] = chunk{}
		i++
	}
	c.offset = n
	switch {
	case i == len(c.queue):
		c.queue = c.one[:0]
	case i > 0:
		c.queue = slices.Delete(c.queue, 0, i)
	}
}
