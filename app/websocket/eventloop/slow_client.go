package eventloop

import "time"

// slowClientGrace is how long a slow client has to read the rest of a started
// chunk and the result of Handler.Slow.
const slowClientGrace = 30 * time.Second

// stalledLocked reports whether the peer has read nothing for
// Options.StallAfter although data is queued for it.
func (c *Conn) stalledLocked() bool {
	l := c.shard.loop
	return c.blocked && l.stallAfter > 0 && time.Since(l.startedAt)-c.blockedSince > l.stallAfter
}

// overLimitLocked reports whether the queue exceeds its limit. A single chunk
// may be larger than the limit.
func (c *Conn) overLimitLocked() bool {
	return c.costLocked() > c.limit && len(c.queue) > 1
}

// Paused reports whether the peer leaves so much unread that nothing more should be
// read from it. Then Readable is called again once it has read. A peer that never
// reads holds a quarter of its limit, and no goroutine.
func (c *Conn) Paused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = c.charged && c.blocked && !c.finishing && c.err == nil && c.costLocked() > c.limit/4
	return c.paused
}

// resumeLocked ends a pause when half of what caused it has been read. It unlocks
// meanwhile.
func (c *Conn) resumeLocked() {
	if c.paused && (c.costLocked() <= c.limit/8 || len(c.queue) <= 1 || c.finishing) {
		c.paused = false
		c.mu.Unlock()
		c.wake()
		c.mu.Lock()
	}
}

func (c *Conn) costLocked() int { return c.queuedBytes + len(c.queue)*ItemCost }

// evictionGrace is how long an evicted client has to read its close frame. It is
// short because messages that have arrived in part are held until then.
const evictionGrace = time.Second

// Evict closes the connection like that of a slow client, but with
// ErrOutOfMemory. It does not block.
func (c *Conn) Evict() {
	c.mu.Lock()
	if c.finishing || c.err != nil {
		c.mu.Unlock()
		c.fail(ErrOutOfMemory) // what is being sent takes too long
		return
	}
	c.closeSlowLocked(ErrOutOfMemory)
	c.flushLocked()
	c.mu.Unlock()
	c.wake()
}

// closeSlowLocked closes a client, slow or out of memory. It drops the queue
// except for chunks that have been started, sends the result of Handler.Slow, and
// finishes.
func (c *Conn) closeSlowLocked(reason error) {
	grace := evictionGrace
	if reason == ErrSlowClient { //nolint:errorlint // one of two values
		c.shard.loop.slow.Add(1)
		grace = slowClientGrace
	}
	kept := c.startedLocked()
	for i := kept; i < len(c.queue); i++ {
		c.queuedBytes -= len(c.queue[i].data)
		c.removeLocked(&c.queue[i])
	}
	c.queue = append(make([]chunk, 0, kept+1), c.queue[:kept]...) // the old array may be large
	if last := c.handler.Slow(reason); last != nil {
		c.pushLocked(chunk{data: last})
	}
	c.finishLocked(grace, reason)
}
