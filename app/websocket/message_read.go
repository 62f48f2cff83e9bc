package websocket

import (
	"errors"
	"runtime"
	"sync"
	"unicode/utf8"
)

// Most reads find one short message, and a handler that waits holds the buffer.
// So only a read that fills the small buffer is followed by large ones.
const (
	smallReadSize  = 4 << 10
	readBufferSize = 16 << 10
)

var (
	smallReadBuffers = sync.Pool{New: func() any { return new([smallReadSize]byte) }}
	readBuffers      = sync.Pool{New: func() any { return new([readBufferSize]byte) }}
)

// receive reads and parses what has arrived.
func (c *Conn) receive() {
	small := smallReadBuffers.Get().(*[smallReadSize]byte)
	defer smallReadBuffers.Put(small)
	if !c.receiveInto(small[:]) {
		return
	}
	large := readBuffers.Get().(*[readBufferSize]byte)
	defer readBuffers.Put(large)
	account := c.conn.Account()
	account.Charge(readBufferSize)
	defer account.Charge(-readBufferSize)
	for c.receiveInto(large[:]) { // until nothing is left
		runtime.Gosched() // a client that floods must not delay the others
	}
}

// receiveInto reads and parses once. It reports whether more may be left.
func (c *Conn) receiveInto(buf []byte) bool {
	for {
		if c.conn.Paused() {
			return false
		}
		n, err := c.conn.Read(buf)
		if err != nil || !c.parse(buf[:n]) {
			return false // nothing is left, or the connection is being closed
		}
		if n == len(buf) {
			return true
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
		if !r.reserve(c) {
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
	r.release(c)
	held := cap(data)
	account := c.conn.Account()
	account.Charge(held)
	defer func() { account.Charge(-held) }() // a handler may hold it for long
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
	account.Charge(cap(data))
	held += cap(data)
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
func (r *frameReader) reserve(c *Conn) bool {
	u := c.upgrader
	more := int64(cap(r.data)) - r.partialBytes
	if more == 0 {
		return true
	}
	r.partialBytes += more
	c.conn.Account().Charge(int(more))
	total := u.partialBytes.Add(more)
	return u.MaxPartial == 0 || total <= u.MaxPartial || r.partialBytes <= readBufferSize
}

// release gives up the message's data and what reserve has counted for it.
func (r *frameReader) release(c *Conn) {
	c.upgrader.partialBytes.Add(-r.partialBytes)
	c.conn.Account().Charge(-int(r.partialBytes))
	r.partialBytes, r.data = 0, nil
}
