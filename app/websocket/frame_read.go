package websocket

import "encoding/binary"

// frameReader is the state of parsing a connection's frames. It is fed with
// bytes as they arrive, cut anywhere, and holds memory only while a message
// has arrived in part.
type frameReader struct {
	header    [maxHeaderSize]byte
	headerLen uint8 // bytes of header that have arrived

	// The current frame, if inFrame.
	inFrame   bool
	final     bool
	opcode    Opcode
	mask      [4]byte
	remaining uint64 // bytes of the payload that have not arrived

	// The message that the data frames form.
	inMessage     bool // a frame without FIN has arrived
	messageOpcode Opcode
	compressed    bool
	validator     utf8Validator
	data          []byte // the payload so far
	partialBytes  int64  // this connection's share of Upgrader.partialBytes

	control []byte // the payload of a control frame that has arrived in part
}

// parse parses bytes from the stream and handles the frames in them. It
// returns false if the rest of the stream is to be ignored.
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
		payload := b[:n]
		b = b[n:]
		r.mask = unmask(payload, r.mask)
		r.remaining -= uint64(n) //nolint:gosec // n is not negative
		if !c.handlePayload(payload) {
			return false
		}
	}
	return true
}

// readHeader consumes bytes of a frame header and returns their number. A code
// other than 0 means that the header is invalid. Each byte is checked as it
// arrives.
func (r *frameReader) readHeader(b []byte, maxMessage int, deflate bool) (n, code int, reason string) {
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
			reason = r.checkSecondByte(r.header[1])
		}
		if reason != "" {
			return n, ProtocolError, reason
		}
		if r.headerLen >= 2 && int(r.headerLen) == headerSize(r.header[1]) {
			code, reason = r.startFrame(maxMessage)
			return n, code, reason
		}
	}
}

// headerSize returns the size of a masked frame's header, given its second byte.
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

// checkFirstByte checks FIN, RSV and the opcode (sections 5.2 and 5.4). RSV1
// marks a compressed message (RFC 7692, section 6).
func (r *frameReader) checkFirstByte(b byte, deflate bool) (reason string) {
	r.final, r.opcode = b&finBit != 0, Opcode(b&opcodeBits)
	rsv := b & rsvBits
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

// checkSecondByte checks MASK and the length of control frames (sections 5.1
// and 5.5).
func (r *frameReader) checkSecondByte(b byte) (reason string) {
	switch {
	case b&maskBit == 0:
		return "frame is not masked"
	case r.opcode.isControl() && b&^maskBit > maxControlPayload:
		return "control frame too long"
	}
	return ""
}

// startFrame evaluates a complete header: the length, which must have its
// shortest form and fit into a message, and the mask.
func (r *frameReader) startFrame(maxMessage int) (code int, reason string) {
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
	if r.opcode.isControl() {
		return 0, ""
	}
	if limit := uint64(maxMessage); n > limit || uint64(len(r.data))+n > limit { //nolint:gosec // not negative
		return MessageTooBig, "message too big"
	}
	if r.opcode != opContinuation {
		r.messageOpcode = r.opcode
	}
	return 0, ""
}

// unmask unmasks b in place and returns the mask for the bytes that follow
// (section 5.3).
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
