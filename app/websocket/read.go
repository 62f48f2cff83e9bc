package websocket

import (
	"encoding/binary"
	"errors"
	"sync"
	"unicode/utf8"
)

// readSize is how much is read at once.
const readSize = 32 << 10

var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// reader is where the reading of frames stands. It holds memory only while a
// message has arrived in part.
type reader struct {
	head  [maxHeader]byte // a header that has arrived in part
	nhead uint8

	inFrame bool
	final   bool
	op      Opcode // of the present frame
	mask    [4]byte
	left    uint64 // bytes of the frame's payload that have not arrived

	// The message that the data frames make up.
	inMessage bool
	msgOp     Opcode
	packed    bool // it is compressed
	text      textCheck
	data      []byte
	counted   int64 // what of data is counted in Upgrader.partial

	control []byte // the payload of a control frame that has arrived in part
}

// receive reads and handles what has arrived.
func (c *Conn) receive() {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := c.ev.Read(buf[:])
		if err != nil {
			return // nothing is left, or the loop ends the connection
		}
		if !c.take(buf[:n]) {
			return
		}
	}
}

// take handles bytes of the stream, and reports whether the connection goes on.
func (c *Conn) take(b []byte) bool {
	r := &c.read
	for len(b) > 0 || r.inFrame && r.left == 0 {
		if !r.inFrame {
			n, code, reason := r.header(b, c.u.MaxMessage, c.deflate)
			if code != 0 {
				c.fail(code, reason)
				return false
			}
			b = b[n:]
			continue
		}
		n := int(min(uint64(len(b)), r.left)) //nolint:gosec // no more than len(b)
		piece := b[:n]
		b = b[n:]
		r.mask = unmask(piece, r.mask)
		r.left -= uint64(n) //nolint:gosec // n is not negative
		if !c.piece(piece) {
			return false
		}
	}
	return true
}

// header takes the bytes of a frame's header, and returns how many they were.
// A code that is not 0 says what is wrong with it.
func (r *reader) header(b []byte, limit int, deflate bool) (n, code int, reason string) {
	for {
		if len(b) == n {
			return n, 0, ""
		}
		r.head[r.nhead] = b[n]
		r.nhead++
		n++
		switch r.nhead {
		case 1:
			reason = r.first(r.head[0], deflate)
		case 2:
			reason = r.second()
		}
		if reason != "" {
			return n, ProtocolError, reason
		}
		if r.nhead >= 2 && int(r.nhead) == headerSize(r.head[1]) {
			code, reason = r.begin(limit)
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
func (r *reader) first(b byte, deflate bool) (wrong string) {
	r.final, r.op = b&finBit != 0, Opcode(b&0xf)
	rsv := b & 0x70
	switch r.op {
	case opContinuation:
		if !r.inMessage {
			return "continuation of no message"
		}
	case Text, Binary:
		if r.inMessage {
			return "a new message within another"
		}
		r.packed = deflate && rsv == rsv1Bit
		if r.packed {
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
func (r *reader) second() (wrong string) {
	switch {
	case r.head[1]&maskBit == 0:
		return "frame is not masked"
	case r.op >= opClose && r.head[1]&^maskBit > maxControl:
		return "control frame too long"
	}
	return ""
}

// begin begins the frame whose header is complete.
func (r *reader) begin(limit int) (code int, reason string) {
	h := r.head[:r.nhead]
	n := uint64(h[1] &^ maskBit)
	switch n {
	case 126:
		if n = uint64(binary.BigEndian.Uint16(h[2:])); n <= maxControl {
			return ProtocolError, "length is not in its shortest form"
		}
	case 127:
		if n = binary.BigEndian.Uint64(h[2:]); n <= 0xffff || n>>63 != 0 {
			return ProtocolError, "length is not in its shortest form"
		}
	}
	copy(r.mask[:], h[len(h)-4:])
	r.nhead, r.inFrame, r.left = 0, true, n
	if r.op >= opClose {
		return 0, ""
	}
	if n > uint64(limit) || uint64(len(r.data))+n > uint64(limit) { //nolint:gosec // not negative
		return MessageTooBig, "message too big"
	}
	if r.op != opContinuation {
		r.msgOp = r.op
	}
	return 0, ""
}

// piece handles unmasked payload of the present frame.
func (c *Conn) piece(p []byte) bool {
	r := &c.read
	whole := r.left == 0
	r.inFrame = !whole
	if r.op >= opClose {
		return c.controlPiece(p, whole)
	}
	if whole && r.final && !r.inMessage && !r.packed && len(r.data) == 0 && r.text.n == 0 {
		if r.msgOp == Text && !utf8.Valid(p) { // all of it is here: no copy
			return c.badText()
		}
		return c.deliver(p)
	}
	if r.msgOp == Text && !r.packed && !r.text.more(p) {
		return c.badText()
	}
	if len(p) > 0 {
		r.data = append(r.data, p...)
		if !r.count(c.u) {
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
	data, packed := r.data, r.packed
	r.release(c.u)
	if packed {
		var err error
		if data, err = unpack(data, c.u.MaxMessage); errors.Is(err, errTooBig) {
			c.fail(MessageTooBig, "message too big")
			return false
		} else if err != nil {
			c.fail(InvalidPayload, "bad compressed data")
			return false
		}
		if r.msgOp == Text && !utf8.Valid(data) {
			return c.badText()
		}
	} else if r.msgOp == Text && !r.text.end() {
		return c.badText()
	}
	return c.deliver(data)
}

func (c *Conn) badText() bool {
	c.fail(InvalidPayload, "text is not UTF-8")
	return false
}

func (c *Conn) deliver(data []byte) bool {
	if !c.closing() {
		c.h.Message(c.read.msgOp, data)
	}
	return true
}

// controlPiece handles payload of a control frame.
func (c *Conn) controlPiece(p []byte, whole bool) bool {
	r := &c.read
	if !whole || len(r.control) > 0 {
		r.control = append(r.control, p...)
		if !whole {
			return true
		}
		p, r.control = r.control, nil
	}
	switch r.op {
	case opPing:
		if !c.closing() {
			_ = c.ev.Send(0, controlFrame(opPong, p)) // where it fails, the connection ends
		}
	case opClose:
		c.closeReceived(p)
		return false
	}
	return true
}

// closeReceived handles a close frame (section 5.5.1).
func (c *Conn) closeReceived(p []byte) {
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
	case !validCode(code):
		c.fail(ProtocolError, "close code not allowed")
	case !utf8.Valid(p[2:]):
		c.fail(InvalidPayload, "close reason is not UTF-8")
	default:
		c.peerClosed(code, string(p[2:]))
	}
}

// count keeps account of what a message in parts takes, and reports whether
// that is within the bound of all connections.
func (r *reader) count(u *Upgrader) bool {
	more := int64(cap(r.data)) - r.counted
	if more == 0 {
		return true
	}
	r.counted += more
	all := u.partial.Add(more)
	return u.MaxPartial == 0 || all <= u.MaxPartial || r.counted <= readSize
}

// release gives back what the message takes.
func (r *reader) release(u *Upgrader) {
	u.partial.Add(-r.counted)
	r.counted, r.data = 0, nil
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
