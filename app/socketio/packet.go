package socketio

import "strconv"

// PacketType is the kind of a Socket.IO packet.
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

// String names t as the protocol does.
func (t PacketType) String() string {
	names := [...]string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK"}
	if int(t) < len(names) {
		return names[t]
	}
	return "packet type " + strconv.Itoa(int(t))
}

// Packet is what travels between a server and its clients, and between
// servers. It is not changed once it has been handed out.
type Packet struct {
	// Type is PacketEvent or PacketAck for what carries arguments, with or without binary
	// ones: the encoder writes BINARY_EVENT and BINARY_ACK where there are
	// attachments.
	Type PacketType
	// Namespace is the full name, "/" for the main one.
	Namespace string
	// ID is the acknowledgement's id where HasID is set.
	ID    uint64
	HasID bool
	// Data is JSON: for an event the array of its name and arguments, for an
	// acknowledgement the array of its arguments. It may be empty for the
	// other types.
	Data []byte
	// Attachments are the binary arguments, which Data refers to by
	// {"_placeholder":true,"num":index}. Without attachments Data holds no
	// placeholders, whatever it looks like.
	Attachments [][]byte
}

// Args returns the arguments of an acknowledgement, or the name and the
// arguments of an event.
func (p *Packet) Args() Args {
	return Args{list: arrayElements(p.Data), attachments: p.Attachments}
}

// appendHeader appends all of p but its data, as it goes over the wire.
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

// Append appends the text part of p as it goes over the wire. The attachments
// follow it as binary messages.
func (p *Packet) Append(b []byte) []byte {
	return append(p.appendHeader(b), p.Data...)
}

// reserved are the event names that belong to the protocol's implementations.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
