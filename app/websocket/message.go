package websocket

import (
	"sync/atomic"

	"smart-factory-backend/app/websocket/eventloop"
)

// minCompressSize is the payload size below which compression is not tried.
const minCompressSize = 256

// Message is an encoded message that can be sent on any number of connections.
// It is immutable and safe for concurrent use.
type Message struct {
	op                Opcode
	uncompressedFrame []byte
	headerLen         int // of uncompressedFrame
	// compressedFrame is for connections that negotiated permessage-deflate.
	// The first of them creates it.
	compressedFrame atomic.Pointer[[]byte]
	neverCompress   bool
	shared          eventloop.Shared
}

// NewMessage creates a message from the concatenation of parts, which it
// copies. Text must be valid UTF-8; that is not checked.
func NewMessage(op Opcode, parts ...[]byte) *Message {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	frame := appendFrameHeader(make([]byte, 0, n+10), finBit|byte(op), n)
	headerLen := len(frame)
	for _, part := range parts {
		frame = append(frame, part...)
	}
	return &Message{op: op, uncompressedFrame: frame, headerLen: headerLen, shared: eventloop.Shared{Size: int32(len(frame))}} //nolint:gosec // a message is far below 2 GiB
}

// Uncompressed makes m never be compressed, and returns it. Call it before the
// message is shared.
func (m *Message) Uncompressed() *Message {
	m.neverCompress = true
	return m
}

// Shared counts the sessions that hold the message.
func (m *Message) Shared() *eventloop.Shared { return &m.shared }

// Op returns the message's opcode.
func (m *Message) Op() Opcode { return m.op }

// Len returns the size of the payload in bytes.
func (m *Message) Len() int { return len(m.uncompressedFrame) - m.headerLen }

// Payload returns the payload. It must not be modified.
func (m *Message) Payload() []byte { return m.uncompressedFrame[m.headerLen:] }

// frameFor returns the frame for a connection, compressed if that makes it
// smaller.
func (m *Message) frameFor(compress bool) []byte {
	if !compress || m.neverCompress || m.Len() < minCompressSize {
		return m.uncompressedFrame
	}
	if frame := m.compressedFrame.Load(); frame != nil {
		return *frame
	}
	data := deflate(m.Payload())
	frame := append(appendFrameHeader(make([]byte, 0, len(data)+10), finBit|rsv1Bit|byte(m.op), len(data)), data...)
	if len(frame) >= len(m.uncompressedFrame) {
		frame = m.uncompressedFrame
	}
	m.compressedFrame.Store(&frame) // concurrent calls store the same bytes
	return frame
}
