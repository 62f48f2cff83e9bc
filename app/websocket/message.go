package websocket

import (
	"encoding/binary"
	"sync/atomic"
)

// Opcode says what a message holds (RFC 6455, section 5.2).
type Opcode byte

// The opcodes of messages.
const (
	Text   Opcode = 1
	Binary Opcode = 2
)

// The other opcodes.
const (
	opContinuation Opcode = 0
	opClose        Opcode = 8
	opPing         Opcode = 9
	opPong         Opcode = 10
)

const (
	finBit            = 0x80
	rsv1Bit           = 0x40
	maskBit           = 0x80
	maxControlPayload = 125 // bytes of a control frame's payload (section 5.5)
	maxHeaderSize     = 14
	minCompressSize   = 256 // bytes below which compression is not tried
)

// Message is a message that is encoded once, for any number of connections. It
// does not change, and is safe for concurrent use.
type Message struct {
	op                Opcode
	uncompressedFrame []byte // the whole frame
	headerLen         int
	// packed is the frame for connections that negotiated permessage-deflate,
	// made when the first of them needs it.
	compressedFrame atomic.Pointer[[]byte]
	neverCompress   bool // it is never packed
}

// NewMessage makes a message of the parts, one after the other. It copies
// them. Text has to be valid UTF-8; that is not checked.
func NewMessage(op Opcode, parts ...[]byte) *Message {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	frame := appendHeader(make([]byte, 0, n+10), finBit|byte(op), n)
	header := len(frame)
	for _, part := range parts {
		frame = append(frame, part...)
	}
	return &Message{op: op, uncompressedFrame: frame, headerLen: header}
}

// Uncompressed has the message sent as it is on every connection, and returns
// it. It is for a new message, which nobody else has yet.
func (m *Message) Uncompressed() *Message {
	m.neverCompress = true
	return m
}

// Op is what the message holds.
func (m *Message) Op() Opcode { return m.op }

// Len is the number of bytes that it holds.
func (m *Message) Len() int { return len(m.uncompressedFrame) - m.headerLen }

// Payload is what it holds. It must not be changed.
func (m *Message) Payload() []byte { return m.uncompressedFrame[m.headerLen:] }

// frame is what goes over a connection.
func (m *Message) frameFor(compress bool) []byte {
	if !compress || m.neverCompress || m.Len() < minCompressSize {
		return m.uncompressedFrame
	}
	if packed := m.compressedFrame.Load(); packed != nil {
		return *packed
	}
	data := deflate(m.Payload())
	packed := append(appendHeader(make([]byte, 0, len(data)+10), finBit|rsv1Bit|byte(m.op), len(data)), data...)
	if len(packed) >= len(m.uncompressedFrame) {
		packed = m.uncompressedFrame
	}
	m.compressedFrame.Store(&packed) // twice at worst, with the same bytes
	return packed
}

// appendHeader appends the header of an unmasked frame.
func appendHeader(b []byte, first byte, n int) []byte {
	switch {
	case n <= maxControlPayload:
		return append(b, first, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, first, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, first, 127), uint64(n))
	}
}

// controlFrame is a whole control frame.
func controlFrame(op Opcode, payload []byte) []byte {
	return append(appendHeader(make([]byte, 0, 2+len(payload)), finBit|byte(op), len(payload)), payload...)
}

// closeFrame is a close frame; a reason that is too long is cut.
func closeFrame(code int, reason string) []byte {
	if code == NoStatus {
		return controlFrame(opClose, nil)
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code)) //nolint:gosec // codes are below 5000
	return controlFrame(opClose, append(payload, truncateUTF8(reason, maxControlPayload-2)...))
}
