package eventloop

import "slices"

// chunk is queued data.
type chunk struct {
	key    Key
	data   []byte
	shared *Shared // nil if only this connection has the data
}

// maxUnflushed is how many chunks may be queued before Send writes them itself.
const maxUnflushed = 512

// Send queues data and does not block. data is shared, not copied, and must
// not be modified afterwards. With a Key it replaces queued data of the same
// Key if at least Options.ReplaceAbove bytes are queued. If the queue exceeds
// its limit, in which each piece costs ItemCost besides its data, the peer is closed as a slow client: the queue is dropped, the
// result of Handler.Slow is sent, and Handler.Closed receives ErrSlowClient.
//
// Send returns an error if the connection has ended or is ending.
func (c *Conn) Send(key Key, data []byte) error { return c.SendShared(key, data, nil) }

// SendShared is Send for data that shared counts the holders of.
func (c *Conn) SendShared(key Key, data []byte, shared *Shared) error {
	c.mu.Lock()
	if err := c.sendErrLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	if one := (chunk{key, data, shared}); key == 0 || !c.replaceLocked(one) {
		c.pushLocked(one)
	}
	return c.enqueuedLocked()
}

// SendAll is Send without a Key for several pieces of data, with nothing sent
// in between.
func (c *Conn) SendAll(pieces ...[]byte) error {
	c.mu.Lock()
	if err := c.sendErrLocked(); err != nil {
		c.mu.Unlock()
		return err
	}
	for _, data := range pieces {
		c.pushLocked(chunk{data: data})
	}
	return c.enqueuedLocked()
}

func (c *Conn) pushLocked(one chunk) {
	c.queue = append(c.queue, one)
	c.queuedBytes += len(one.data)
	if c.charged {
		c.account.Hold(one.shared, len(one.data))
	}
}

// chargeLocked charges the queue, and what joins it, until it is empty. It is
// called when the peer does not read, so that the others pay nothing for this.
func (c *Conn) chargeLocked() {
	if c.charged || len(c.queue) == 0 {
		return
	}
	c.charged = true
	for i := range c.queue {
		c.account.Hold(c.queue[i].shared, len(c.queue[i].data))
	}
}

// removeLocked removes the data of a chunk that leaves the queue.
func (c *Conn) removeLocked(one *chunk) {
	if c.charged {
		c.account.Drop(one.shared, len(one.data))
	}
	*one = chunk{}
}

// Queued returns the number of queued bytes.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queuedBytes
}

// sendErrLocked returns why nothing can be sent; nil if something can.
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

// replaceLocked replaces queued data that has the same key, and reports
// whether there was any.
func (c *Conn) replaceLocked(one chunk) bool {
	if c.queuedBytes < c.shard.loop.replaceAbove {
		return false
	}
	started := c.startedLocked()
	for i := len(c.queue) - 1; i >= started; i-- {
		if c.queue[i].key == one.key {
			c.queuedBytes += len(one.data) - len(c.queue[i].data)
			c.removeLocked(&c.queue[i])
			if c.queue[i] = one; c.charged {
				c.account.Hold(one.shared, len(one.data))
			}
			c.shard.loop.replaced.Add(1)
			return true
		}
	}
	return false
}

// startedLocked returns how many chunks have been written in part or are being
// written. They can be neither replaced nor dropped.
func (c *Conn) startedLocked() int {
	if c.offset > 0 {
		return max(c.inFlight, 1)
	}
	return c.inFlight
}

// enqueuedLocked has the queue written, or closes a slow client, and unlocks.
func (c *Conn) enqueuedLocked() error {
	defer c.mu.Unlock()
	if c.stalledLocked() {
		c.closeSlowLocked(ErrSlowClient)
		return ErrSlowClient
	}
	if c.charged && c.account.Excessive() {
		c.account.MarkEvicted()
		c.closeSlowLocked(ErrOutOfMemory)
		return ErrOutOfMemory
	}
	if c.queuedBytes > flushThreshold || len(c.queue) > maxUnflushed {
		c.flushLocked()
		if c.overLimitLocked() {
			c.closeSlowLocked(ErrSlowClient)
			return ErrSlowClient
		}
	}
	if len(c.queue) > 0 && !c.scheduled && !c.writing && !c.blocked {
		c.scheduled = true
		c.shard.scheduleFlush(c, c.corked)
	}
	return nil
}

// gatherLocked returns the data to write next. Several chunks are copied into
// buf, which is nil if there is only one.
func (c *Conn) gatherLocked() (data []byte, buf *[bufferSize]byte) {
	if len(c.queue) == 0 {
		return nil, nil // only the transport holds back bytes
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

// consumeLocked removes n written bytes from the queue.
func (c *Conn) consumeLocked(n int) {
	c.inFlight = 0
	n += c.offset
	c.queuedBytes -= n - c.offset
	i := 0
	for i < len(c.queue) && n >= len(c.queue[i].data) {
		n -= len(c.queue[i].data)
		c.removeLocked(&c.queue[i])
		i++
	}
	c.offset = n
	switch {
	case i == len(c.queue):
		c.queue, c.charged = c.inline[:0], false
	case i > 0:
		c.queue = slices.Delete(c.queue, 0, i)
	}
}
