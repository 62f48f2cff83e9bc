package websocket

import "encoding/binary"

// Opcode is the type of a frame or message (section 5.2).
type Opcode byte

// The opcodes of messages.
const (
	Text   Opcode = 1
	Binary Opcode = 2
)

const (
	opContinuation Opcode = 0
	opClose        Opcode = 8
	opPing         Opcode = 9
	opPong         Opcode = 10
)

const (
	finBit            = 0x80
	rsvBits           = 0x70
	rsv1Bit           = 0x40
	maskBit           = 0x80
	opcodeBits        = 0x0f
	maxControlPayload = 125 // section 5.5
	maxHeaderSize     = 14
)

// isControl reports whether the opcode is that of a control frame (section 5.5).
func (o Opcode) isControl() bool { return o >= opClose }

// appendFrameHeader appends the header of an unmasked frame whose payload has
// n bytes.
func appendFrameHeader(b []byte, first byte, n int) []byte {
	switch {
	case n <= maxControlPayload:
		return append(b, first, byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, first, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, first, 127), uint64(n))
	}
}

// controlFrame returns a control frame.
func controlFrame(op Opcode, payload []byte) []byte {
	b := make([]byte, 0, 2+len(payload))
	return append(appendFrameHeader(b, finBit|byte(op), len(payload)), payload...)
}

// closeFrame returns a close frame (section 5.5.1). A reason that does not fit
// is truncated. NoStatus makes a frame without a code.
func closeFrame(code int, reason string) []byte {
	if code == NoStatus {
		return controlFrame(opClose, nil)
	}
	payload := binary.BigEndian.AppendUint16(nil, uint16(code)) //nolint:gosec // codes are below 5000
	return controlFrame(opClose, append(payload, truncateUTF8(reason, maxControlPayload-2)...))
}
