package websocket

import (
	"errors"
	"sync"
	"unicode/utf8"
)

const readBufferSize = 32 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBufferSize]byte) }}

// receive reads and parses what has arrived.
func (c *Conn) receive() {
	buf := readBuffers.Get().(*[readBufferSize]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := c.conn.Read(buf[:])
		if err != nil {
			return // nothing is left, or the loop closes the connection
		}
		if !c.parse(buf[:n]) {
			return
		}
	}
}

// handlePayload handles unmasked payload of the current frame. It returns
// false if the connection is being closed.
func (c *Conn) handlePayload(p []byte) bool {
	r := &c.reader
	frameEnd := r.remaining == 0
	r.inFrame = !frameEnd
	switch {
	case r.opcode.isControl():
		return c.handleControl(p, frameEnd)
	case frameEnd && r.final && !r.inMessage && !r.compressed && len(r.data) == 0 && r.validator.n == 0:
		// The whole message is in the read buffer: no copy.
		if r.messageOpcode == Text && !utf8.Valid(p) {
			return c.failInvalidUTF8()
		}
		return c.deliver(p)
	case r.messageOpcode == Text && !r.compressed && !r.validator.write(p):
		return c.failInvalidUTF8()
	}
	if len(p) > 0 {
		r.data = append(r.data, p...)
		if !r.reserve(c.upgrader) {
			c.fail(TryAgainLater, "too many unfinished messages")
			return false
		}
	}
	if !frameEnd {
		return true
	}
	r.inMessage = !r.final
	if r.inMessage {
		return true
	}
	return c.finishMessage()
}

// finishMessage delivers a message that arrived in parts or compressed.
func (c *Conn) finishMessage() bool {
	r := &c.reader
	data := r.data
	r.release(c.upgrader)
	if !r.compressed {
		if r.messageOpcode == Text && !r.validator.finish() {
			return c.failInvalidUTF8()
		}
		return c.deliver(data)
	}
	data, err := inflate(data, c.upgrader.MaxMessage)
	switch {
	case errors.Is(err, errMessageTooBig):
		c.fail(MessageTooBig, "message too big")
		return false
	case err != nil:
		c.fail(InvalidPayload, "bad compressed data")
		return false
	case r.messageOpcode == Text && !utf8.Valid(data):
		return c.failInvalidUTF8()
	}
	return c.deliver(data)
}

func (c *Conn) failInvalidUTF8() bool {
	c.fail(InvalidPayload, "text is not UTF-8")
	return false
}

// deliver passes a message to the handler, unless a close frame has been sent.
func (c *Conn) deliver(data []byte) bool {
	if !c.closing() {
		c.handler.Message(c.reader.messageOpcode, data)
	}
	return true
}

// handleControl handles payload of a control frame (section 5.5).
func (c *Conn) handleControl(p []byte, frameEnd bool) bool {
	r := &c.reader
	if !frameEnd || len(r.control) > 0 {
		r.control = append(r.control, p...)
		if !frameEnd {
			return true
		}
		p, r.control = r.control, nil
	}
	switch r.opcode {
	case opPing:
		if !c.closing() {
			_ = c.conn.Send(0, controlFrame(opPong, p)) // if it fails, the connection ends anyway
		}
	case opClose:
		c.handleClose(p)
		return false
	}
	return true
}

// reserve counts the memory of a partial message, and reports whether all
// connections together stay within Upgrader.MaxPartial. Each connection may
// always use readBufferSize.
func (r *frameReader) reserve(u *Upgrader) bool {
	more := int64(cap(r.data)) - r.partialBytes
	if more == 0 {
		return true
	}
	r.partialBytes += more
	total := u.partialBytes.Add(more)
	return u.MaxPartial == 0 || total <= u.MaxPartial || r.partialBytes <= readBufferSize
}

// release gives up the message's data and what reserve has counted for it.
func (r *frameReader) release(u *Upgrader) {
	u.partialBytes.Add(-r.partialBytes)
	r.partialBytes, r.data = 0, nil
}
