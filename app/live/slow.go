package live

import (
	"errors"

	"smart-factory-backend/app/websocket/eventloop"
)

// A client is slow if more than ConnOptions.QueueBytes would be queued for it, or
// if it has accepted nothing for eventloop.Options.StallAfter. The event loop then
// empties its queue, sends a last message (for WebSockets a close frame with code
// 1013) and closes the connection. That may take seconds. So the session is
// counted and leaves its rooms as soon as a send reports it.

// checkSlow handles the error of a send to the client or of its connection. Any
// other error needs no action here: the connection closes and finish follows.
func (c *session) checkSlow(err error) {
	switch {
	case errors.Is(err, eventloop.ErrSlowClient):
		c.markSlow()
	case errors.Is(err, eventloop.ErrOutOfMemory):
		c.leaveRooms()
	}
}

// markSlow counts the client once and leaves its rooms. Socket.IO reports a slow
// client when the socket has disconnected.
func (c *session) markSlow() {
	if !c.slow.Swap(true) {
		c.srv.counters.slow[c.transport].Add(1)
		c.leaveRooms()
	}
}

// Slow returns the last event of a stream that is closed for this.
func (*sseHandler) Slow(reason error) []byte {
	if errors.Is(reason, eventloop.ErrOutOfMemory) {
		return []byte("event: error\ndata: {\"kind\":\"overloaded\",\"detail\":\"out of memory\"}\n\n")
	}
	return []byte("event: error\ndata: {\"kind\":\"slow\",\"detail\":\"the client reads too slowly\"}\n\n")
}
