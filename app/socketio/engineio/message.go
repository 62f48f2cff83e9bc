package engineio

import (
	"encoding/base64"
	"sync/atomic"

	"smart-factory-backend/app/websocket"
)

// Message is a message to clients. It does not change, and may be sent to any
// number of sessions: each of its forms is made once, when it is first needed.
type Message struct {
	// frame is the packet as a WebSocket frame. The payload of that, if it is
	// text, is its form in a polling payload as well.
	frame  *websocket.Message
	base64 atomic.Pointer[[]byte]
}

// NewText makes a message of text, which must be UTF-8, from the concatenation
// of parts. They are copied. In a polling payload the character U+001E would
// end the message: text that may hold it has to escape it, as JSON does.
func NewText(parts ...[]byte) *Message {
	var few [4][]byte
	all := append(append(few[:0], messagePrefix), parts...)
	return &Message{frame: websocket.NewMessage(websocket.Text, all...)}
}

// NewBinary makes a binary message from the concatenation of parts, which are
// copied.
func NewBinary(parts ...[]byte) *Message {
	return &Message{frame: websocket.NewMessage(websocket.Binary, parts...)}
}

// Uncompressed has the message sent as it is, also where permessage-deflate was
// negotiated, and returns it. It is for a new message, which nobody else has yet.
func (m *Message) Uncompressed() *Message {
	m.frame.Uncompressed()
	return m
}

// newPacket makes a packet that is not a message.
func newPacket(text string) *Message {
	return &Message{frame: websocket.NewMessage(websocket.Text, []byte(text))}
}

var messagePrefix = []byte{typeMessage}

// The packets without data of their own.
var (
	closePacket = newPacket("1")
	pingPacket  = newPacket("2")
	probePong   = newPacket("3probe")
	noopPacket  = newPacket("6")
)

// Binary reports whether the message is binary.
func (m *Message) Binary() bool { return m.frame.Op() == websocket.Binary }

// Len is the size of the message as a polling client gets it, which is what
// counts against Options.QueueLimit and Options.MaxPayload there.
func (m *Message) Len() int {
	if m.Binary() {
		return 1 + base64.StdEncoding.EncodedLen(m.frame.Len())
	}
	return m.frame.Len()
}

// text is the packet in a polling payload ("Packet encoding").
func (m *Message) text() []byte {
	if !m.Binary() {
		return m.frame.Payload()
	}
	if made := m.base64.Load(); made != nil {
		return *made
	}
	made := append(make([]byte, 0, m.Len()), binaryPrefix)
	made = base64.StdEncoding.AppendEncode(made, m.frame.Payload())
	m.base64.Store(&made) // two at once make the same
	return made
}
