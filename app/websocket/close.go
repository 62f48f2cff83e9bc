package websocket

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"smart-factory-backend/app/websocket/eventloop"
)

const (
	// closeTimeout is how long the peer has to answer a close frame.
	closeTimeout = 5 * time.Second
	// lingerTimeout is how long the peer has to close the TCP connection after
	// the closing handshake.
	lingerTimeout = time.Second
)

// Close starts the closing handshake (section 7.1.2): it sends what is queued
// and a close frame with code and reason, then waits five seconds for the
// peer's close frame. It does not block. Messages that arrive meanwhile are
// discarded. Only the first call has an effect. code must be one that a close
// frame may carry (section 7.4), or NoStatus.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.sendCloseLocked(code, reason, true) {
		return
	}
	c.closeTimer = &eventloop.Timer{}
	c.conn.Loop().SetTimer(c.closeTimer, closeTimeout, func() { c.conn.Abort(nil) })
}

// Abort ends the connection at once, without a close frame. Handler.Closed
// receives err.
func (c *Conn) Abort(err error) { c.conn.Abort(err) }

// sendCloseLocked queues a close frame, and reports whether it is the first.
func (c *Conn) sendCloseLocked(code int, reason string, byServer bool) bool {
	if c.closeSent {
		return false
	}
	c.closeSent = true
	if c.closeErr == nil {
		c.closeErr = &CloseError{Code: code, Reason: reason, ByServer: byServer}
	}
	_ = c.conn.Send(0, closeFrame(code, reason)) // if it fails, the connection ends anyway
	return true
}

// fail closes the connection after a protocol violation or an internal error
// (section 7.1.7). It does not wait for the peer's close frame.
func (c *Conn) fail(code int, reason string) {
	c.mu.Lock()
	c.sendCloseLocked(code, reason, true)
	c.mu.Unlock()
	c.conn.Finish(lingerTimeout)
}

// handleClose handles a close frame from the peer (section 5.5.1).
func (c *Conn) handleClose(p []byte) {
	if len(p) == 0 {
		c.answerClose(NoStatus, "")
		return
	}
	if len(p) == 1 {
		c.fail(ProtocolError, "close frame with half a code")
		return
	}
	code := int(binary.BigEndian.Uint16(p))
	switch {
	case !validCloseCode(code):
		c.fail(ProtocolError, "close code not allowed")
	case !utf8.Valid(p[2:]):
		c.fail(InvalidPayload, "close reason is not UTF-8")
	default:
		c.answerClose(code, string(p[2:]))
	}
}

// answerClose echoes the peer's close code and closes the connection, which is
// the server's part (section 7.1.1).
func (c *Conn) answerClose(code int, reason string) {
	c.mu.Lock()
	if c.closeErr == nil {
		c.closeErr = &CloseError{Code: code, Reason: reason}
	}
	c.sendCloseLocked(code, "", false)
	c.mu.Unlock()
	c.conn.Finish(lingerTimeout)
}

// closing reports whether a close frame has been queued.
func (c *Conn) closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeSent
}
