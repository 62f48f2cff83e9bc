package eventloop

import "slices"

// chunk is queued data.
type chunk struct {
	key  Key
	data []byte
}

// Send queues data and does not block. data is shared, not copied, and must
// not be modified afterwards. With a Key it replaces queued data of the same
// Key if at least Options.ReplaceAbove bytes are queued. If the queue exceeds
// its limit, the peer is closed as a slow client: the queue is dropped, the
// result of Handler.Slow is sent, and Handler.Closed receives ErrSlowClient.
//
// Send returns an error if the connection has ended or is ending.
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

// SendAll is Send without a Key for several pieces of data, with nothing sent
// in between.
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
func (c *Conn) replaceLocked(key Key, data []byte) bool {
	if c.queuedBytes < c.shard.loop.replaceAbove {
		return false
	}
	started := c.startedLocked()
	for i := len(c.queue) - 1; i >= started; i-- {
		if c.queue[i].key == key {
			c.queuedBytes += len(data) - len(c.queue[i].data)
			c.queue[i].data = data
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
		c.closeSlowLocked()
		return ErrSlowClient
	}
	if c.queuedBytes > flushThreshold {
		c.flushLocked()
		if c.overLimitLocked() {
			c.closeSlowLocked()
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
