package engineio

import (
	"encoding/base64"
	"sync/atomic"

	"smart-factory-backend/app/websocket"
)

// Message is a message to clients. It is immutable and can be sent to any number
// of sessions. Each encoding is made once, when it is first needed.
type Message struct {
	// frame is the packet as a WebSocket message. A text's payload is also its
	// encoding for polling.
	frame  *websocket.Message
	base64 atomic.Pointer[[]byte]
}

// NewText creates a text message from the concatenation of parts, which it
// copies. The text must be valid UTF-8 without U+001E, which separates the
// packets of a polling payload; JSON escapes it.
func NewText(parts ...[]byte) *Message {
	var few [4][]byte
	all := append(append(few[:0], messagePrefix), parts...)
	return &Message{frame: websocket.NewMessage(websocket.Text, all...)}
}

// NewBinary creates a binary message from the concatenation of parts, which it
// copies.
func NewBinary(parts ...[]byte) *Message {
	return &Message{frame: websocket.NewMessage(websocket.Binary, parts...)}
}

// Uncompressed makes m never be compressed by permessage-deflate, and returns
// it. Call it before the message is shared.
func (m *Message) Uncompressed() *Message {
	m.frame.Uncompressed()
	return m
}

// newPacket creates a packet that is not a message.
func newPacket(text string) *Message {
	return &Message{frame: websocket.NewMessage(websocket.Text, []byte(text))}
}

var messagePrefix = []byte{typeMessage}

// Packets that are always the same.
var (
	closePacket = newPacket("1")
	pingPacket  = newPacket("2")
	probePong   = newPacket("3probe")
	noopPacket  = newPacket("6")
)

// Binary reports whether the message is binary.
func (m *Message) Binary() bool { return m.frame.Op() == websocket.Binary }

// Len returns the size of the message as encoded for polling, which counts
// against Options.QueueLimit and Options.MaxPayload there.
func (m *Message) Len() int {
	if m.Binary() {
		return 1 + base64.StdEncoding.EncodedLen(m.frame.Len())
	}
	return m.frame.Len()
}

// text returns the encoding for polling ("Packet encoding", "HTTP long-polling").
func (m *Message) text() []byte {
	if !m.Binary() {
		return m.frame.Payload()
	}
	if encoded := m.base64.Load(); encoded != nil {
		return *encoded
	}
	encoded := append(make([]byte, 0, m.Len()), binaryPrefix)
	encoded = base64.StdEncoding.AppendEncode(encoded, m.frame.Payload())
	m.base64.Store(&encoded) // concurrent calls store the same bytes
	return encoded
}
