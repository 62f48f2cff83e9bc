package socketio

import "strconv"

// PacketType is the type of a Socket.IO packet.
type PacketType byte

// The packet types of protocol 5.
const (
	PacketConnect      PacketType = 0
	PacketDisconnect   PacketType = 1
	PacketEvent        PacketType = 2
	PacketAck          PacketType = 3
	PacketConnectError PacketType = 4
	PacketBinaryEvent  PacketType = 5
	PacketBinaryAck    PacketType = 6
)

// String returns the name of the type in the protocol.
func (t PacketType) String() string {
	names := [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}
	if int(t) < len(names) {
		return names[t]
	}
	return "packet type " + strconv.Itoa(int(t))
}

// Packet is a packet between a server and its clients, or between servers. It
// is immutable once it is shared.
type Packet struct {
	// Type is PacketEvent or PacketAck for packets with arguments, binary or
	// not: the encoder writes BINARY_EVENT or BINARY_ACK if there are
	// attachments.
	Type PacketType
	// Namespace is the full name, "/" for the main one.
	Namespace string
	// ID is the id of the acknowledgement if HasID is set.
	ID    uint64
	HasID bool
	// Data is JSON: the array of the name and arguments of an event, or the
	// array of the arguments of an acknowledgement. For other types it may be
	// empty.
	Data []byte
	// Attachments are the binary arguments. Data refers to them as
	// {"_placeholder":true,"num":index}. Without attachments, Data has no
	// placeholders even if objects look like them.
	Attachments [][]byte
}

// Args returns the arguments of an acknowledgement, or the name and arguments
// of an event.
func (p *Packet) Args() Args {
	return Args{list: arrayElements(p.Data), attachments: p.Attachments}
}

// appendHeader appends the wire form of p without its data.
func (p *Packet) appendHeader(b []byte) []byte {
	kind := p.Type
	if len(p.Attachments) > 0 {
		switch kind {
		case PacketEvent:
			kind = PacketBinaryEvent
		case PacketAck:
			kind = PacketBinaryAck
		}
	}
	b = append(b, '0'+byte(kind))
	if kind == PacketBinaryEvent || kind == PacketBinaryAck {
		b = strconv.AppendInt(b, int64(len(p.Attachments)), 10)
		b = append(b, '-')
	}
	if p.Namespace != "/" && p.Namespace != "" {
		b = append(b, p.Namespace...)
		b = append(b, ',')
	}
	if p.HasID {
		b = strconv.AppendUint(b, p.ID, 10)
	}
	return b
}

// Append appends the wire form of p. The attachments follow it as binary
// messages.
func (p *Packet) Append(b []byte) []byte {
	return append(p.appendHeader(b), p.Data...)
}

// reserved reports whether implementations of the protocol reserve the name of
// an event.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
