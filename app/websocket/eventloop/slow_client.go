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
func (c *Conn) overLimitLocked() bool { return c.queuedBytes > c.limit && len(c.queue) > 1 }

// closeSlowLocked closes a slow client. It drops the queue except for chunks
// that have been started, sends the result of Handler.Slow, and finishes.
func (c *Conn) closeSlowLocked() {
	c.shard.loop.slow.Add(1)
	kept := c.startedLocked()
	for i := kept; i < len(c.queue); i++ {
		c.queuedBytes -= len(c.queue[i].data)
		c.queue[i] = chunk{}
	}
	c.queue = c.queue[:kept]
	if last := c.handler.Slow(); last != nil {
		c.queue = append(c.queue, chunk{0, last})
		c.queuedBytes += len(last)
	}
	c.finishLocked(slowClientGrace, ErrSlowClient)
}
