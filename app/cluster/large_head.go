package cluster

import "bytes"

// smallReadBuffer is the read buffer of a connection until a request head does not
// fit. Then the connection moves to the server of the worker whose buffers have the
// configured size. So the many connections without a large head don't pay for it.
const smallReadBuffer = 4 << 10

// largeHead is the state of a connection that has received a large request head.
type largeHead int

const (
	none     largeHead = iota
	found              // fasthttp is made to give the connection up
	replayed           // the other server reads the head again
	moved              // the other server serves the connection
)

var headEnd = []byte("\r\n\r\n")

// collectHead notes what arrived of a request head, of which b is the first part if
// first is set. A head that arrives at once is not copied.
func (c *conn) collectHead(b []byte, first bool) {
	if c.largeHead != none || !c.worker.growsBuffers() {
		return
	}
	if first && (bytes.HasSuffix(b, headEnd) || bytes.Contains(b, headEnd)) {
		return
	}
	c.head = append(c.head, b...)
	switch {
	case bytes.Contains(c.head, headEnd):
		c.head = nil
	case len(c.head) >= smallReadBuffer:
		c.largeHead = found
	}
}

// replayHead copies what was collected to b.
func (c *conn) replayHead(b []byte) int {
	n := copy(b, c.head)
	if c.head = c.head[n:]; len(c.head) == 0 {
		c.head, c.largeHead = nil, moved
	}
	return n
}
