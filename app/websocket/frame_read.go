package websocket

import (
	"encoding/binary"
	"errors"
	"sync"
	"unicode/utf8"
)

// readSize is how much is read at once.
const readBufferSize = 32 << 10

var readBuffers = sync.Pool{New: func() any { return new([readBufferSize]byte) }}

// reader is where the reading of frames stands. It holds memory only while a
// message has arrived in part.
type frameReader struct {
	header    [maxHeaderSize]byte // a header that has arrived in part
	headerLen uint8

	inFrame   bool
	final     bool
	opcode    Opcode // of the present frame
	mask      [4]byte
	remaining uint64 // bytes of the frame's payload that have not arrived

	// The message that the data frames make up.
	inMessage     bool
	messageOpcode Opcode
	compressed    bool // it is compressed
	utf8          utf8Validator
	data          []byte
	partialBytes  int64 // what of data is counted in Upgrader.partial

	control []byte // the payload of a control frame that has arrived in part
}

// receive reads and handles what has arrived.
func (c *Conn) receive() {
	buf := readBuffers.Get().(*[readBufferSize]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := c.conn.Read(buf[:])
		if err != nil {
			return // nothing is left, or the loop ends the connection
		}
		if !c.parse(buf[:n]) {
			return
		}
	}
}

// take handles bytes of the stream, and reports whether the connection goes on.
func (c *Conn) parse(b []byte) bool {
	r := &c.reader
	for len(b) > 0 || r.inFrame && r.remaining == 0 {
		if !r.inFrame {
			n, code, reason := r.readHeader(b, c.upgrader.MaxMessage, c.deflate)
			if code != 0 {
				c.fail(code, reason)
				return false
			}
			b = b[n:]
			continue
		}
		n := int(min(uint64(len(b)), r.remaining)) //nolint:gosec // no more than len(b)
		piece := b[:n]
		b = b[n:]
		r.mask = unmask(piece, r.mask)
		r.remaining -= uint64(n) //nolint:gosec // n is not negative
		if !c.handlePayload(piece) {
			return false
		}
	}
	return true
}

// header takes the bytes of a frame's header, and returns how many they were.
// A code that is not 0 says what is wrong with it.
func (r *frameReader) readHeader(b []byte, limit int, deflate bool) (n, code int, reason string) {
	for {
		if len(b) == n {
			return n, 0, ""
		}
		r.header[r.headerLen] = b[n]
		r.headerLen++
		n++
		switch r.headerLen {
		case 1:
			reason = r.checkFirstByte(r.header[0], deflate)
		case 2:
			reason = r.checkSecondByte()
		}
		if reason != "" {
			return n, ProtocolError, reason
		}
		if r.headerLen >= 2 && int(r.headerLen) == headerSize(r.header[1]) {
			code, reason = r.startFrame(limit)
			return n, code, reason
		}
	}
}

func headerSize(second byte) int {
	switch second &^ maskBit {
	case 126:
		return 8
	case 127:
		return 14
	default:
		return 6
	}
}

// first checks a frame's first byte (sections 5.2, 5.4).
func (r *frameReader) checkFirstByte(b byte, deflate bool) (wrong string) {
	r.final, r.opcode = b&finBit != 0, Opcode(b&0xf)
	rsv := b & 0x70
	switch r.opcode {
	case opContinuation:
		if !r.inMessage {
			return "continuation of no message"
		}
	case Text, Binary:
		if r.inMessage {
			return "a new message within another"
		}
		r.compressed = deflate && rsv == rsv1Bit
		if r.compressed {
			rsv = 0
		}
	case opClose, opPing, opPong:
		if !r.final {
			return "fragmented control frame"
		}
	default:
		return "unknown opcode"
	}
	if rsv != 0 {
		return "reserved bit set"
	}
	return ""
}

// second checks a frame's second byte (sections 5.1, 5.5).
func (r *frameReader) checkSecondByte() (wrong string) {
	switch {
	case r.header[1]&maskBit == 0:
		return "frame is not masked"
	case r.opcode >= opClose && r.header[1]&^maskBit > maxControlPayload:
		return "control frame too long"
	}
	return ""
}

// begin begins the frame whose header is complete.
func (r *frameReader) startFrame(limit int) (code int, reason string) {
	h := r.header[:r.headerLen]
	n := uint64(h[1] &^ maskBit)
	switch n {
	case 126:
		if n = uint64(binary.BigEndian.Uint16(h[2:])); n <= maxControlPayload {
			return ProtocolError, "length is not in its shortest form"
		}
	case 127:
		if n = binary.BigEndian.Uint64(h[2:]); n <= 0xffff || n>>63 != 0 {
			return ProtocolError, "length is not in its shortest form"
		}
	}
	copy(r.mask[:], h[len(h)-4:])
	r.headerLen, r.inFrame, r.remaining = 0, true, n
	if r.opcode >= opClose {
		return 0, ""
	}
	if n > uint64(limit) || uint64(len(r.data))+n > uint64(limit) { //nolint:gosec // not negative
		return MessageTooBig, "message too big"
	}
	if r.opcode != opContinuation {
		r.messageOpcode = r.opcode
	}
	return 0, ""
}

// piece handles unmasked payload of the present frame.
func (c *Conn) handlePayload(p []byte) bool {
	r := &c.reader
	whole := r.remaining == 0
	r.inFrame = !whole
	if r.opcode >= opClose {
		return c.handleControl(p, whole)
	}
	if whole && r.final && !r.inMessage && !r.compressed && len(r.data) == 0 && r.utf8.n == 0 {
		if r.messageOpcode == Text && !utf8.Valid(p) { // all of it is here: no copy
			return c.failInvalidUTF8()
		}
		return c.deliver(p)
	}
	if r.messageOpcode == Text && !r.compressed && !r.utf8.write(p) {
		return c.failInvalidUTF8()
	}
	if len(p) > 0 {
		r.data = append(r.data, p...)
		if !r.reserve(c.upgrader) {
			c.fail(TryAgainLater, "too many unfinished messages")
			return false
		}
	}
	if !whole {
		return true
	}
	r.inMessage = !r.final
	if !r.final {
		return true
	}
	data, packed := r.data, r.compressed
	r.release(c.upgrader)
	if packed {
		var err error
		if data, err = inflate(data, c.upgrader.MaxMessage); errors.Is(err, errMessageTooBig) {
			c.fail(MessageTooBig, "message too big")
			return false
		} else if err != nil {
			c.fail(InvalidPayload, "bad compressed data")
			return false
		}
		if r.messageOpcode == Text && !utf8.Valid(data) {
			return c.failInvalidUTF8()
		}
	} else if r.messageOpcode == Text && !r.utf8.finish() {
		return c.failInvalidUTF8()
	}
	return c.deliver(data)
}

func (c *Conn) failInvalidUTF8() bool {
	c.fail(InvalidPayload, "text is not UTF-8")
	return false
}

func (c *Conn) deliver(data []byte) bool {
	if !c.closing() {
		c.handler.Message(c.reader.messageOpcode, data)
	}
	return true
}

// controlPiece handles payload of a control frame.
func (c *Conn) handleControl(p []byte, whole bool) bool {
	r := &c.reader
	if !whole || len(r.control) > 0 {
		r.control = append(r.control, p...)
		if !whole {
			return true
		}
		p, r.control = r.control, nil
	}
	switch r.opcode {
	case opPing:
		if !c.closing() {
			_ = c.conn.Send(0, controlFrame(opPong, p)) // where it fails, the connection ends
		}
	case opClose:
		c.handleClose(p)
		return false
	}
	return true
}

// closeReceived handles a close frame (section 5.5.1).
func (c *Conn) handleClose(p []byte) {
	if len(p) == 0 {
		c.peerClosed(NoStatus, "")
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
		c.peerClosed(code, string(p[2:]))
	}
}

// count keeps account of what a message in parts takes, and reports whether
// that is within the bound of all connections.
func (r *frameReader) reserve(u *Upgrader) bool {
	more := int64(cap(r.data)) - r.partialBytes
	if more == 0 {
		return true
	}
	r.partialBytes += more
	all := u.partialBytes.Add(more)
	return u.MaxPartial == 0 || all <= u.MaxPartial || r.partialBytes <= readBufferSize
}

// release gives back what the message takes.
func (r *frameReader) release(u *Upgrader) {
	u.partialBytes.Add(-r.partialBytes)
	r.partialBytes, r.data = 0, nil
}

// unmask unmasks b and returns the mask for what follows it (section 5.3).
func unmask(b []byte, mask [4]byte) [4]byte {
	m32 := binary.LittleEndian.Uint32(mask[:])
	m64 := uint64(m32)<<32 | uint64(m32)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^m64)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
	switch len(b) & 3 {
	case 1:
		return [4]byte{mask[1], mask[2], mask[3], mask[0]}
	case 2:
		return [4]byte{mask[2], mask[3], mask[0], mask[1]}
	case 3:
		return [4]byte{mask[3], mask[0], mask[1], mask[2]}
	}
	return mask
}
