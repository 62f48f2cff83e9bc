package redisadapter

import (
	"fmt"

	"smart-factory-backend/app/socketio"

	"github.com/tinylib/msgp/msgp"
)

// Types of Socket.IO packets that carry an event (socket.io-protocol, "Packet
// types"). Node servers publish packetEvent, also with binaries.
const (
	packetEvent       = 2
	packetBinaryEvent = 5
)

// reservedEvents are names that a client rejects: it closes the connection.
var reservedEvents = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true,
	"disconnecting": true, "newListener": true, "removeListener": true,
}

// broadcast is a message on a broadcast channel.
type broadcast struct {
	uid    string          // the adapter that published it
	packet socketio.Packet // an event
	target target
	flags  socketio.Flags
}

// encode returns the message as MessagePack.
func (m *broadcast) encode() ([]byte, error) {
	b := make([]byte, 0, 96+len(m.packet.Data))
	b = msgp.AppendString(msgp.AppendArrayHeader(b, 3), m.uid)
	b, err := appendPacket(b, &m.packet)
	if err != nil {
		return nil, err
	}
	return appendOptions(b, m.target, m.flags), nil
}

func appendPacket(b []byte, p *socketio.Packet) ([]byte, error) {
	b = msgp.AppendMapHeader(b, 3)
	b = appendInt(msgp.AppendString(b, "type"), packetEvent)
	b, err := appendJSON(msgp.AppendString(b, "data"), p.Data, p.Attachments)
	if err != nil {
		return nil, err
	}
	return msgp.AppendString(msgp.AppendString(b, "nsp"), p.Namespace), nil
}

// decodeBroadcast decodes a message of a broadcast channel.
func decodeBroadcast(b []byte) (m broadcast, err error) {
	r := reader{b: b}
	n, err := r.arrayHeader()
	if err != nil {
		return m, err
	}
	if n != 3 {
		return m, fmt.Errorf("%w: a broadcast of %d elements instead of 3", errMalformed, n)
	}
	if m.uid, err = r.text(); err != nil {
		return m, err
	}
	if m.packet, err = r.packet(); err != nil {
		return m, err
	}
	if m.target, m.flags, err = r.options(); err != nil {
		return m, err
	}
	return m, r.end()
}

// packet decodes a packet, which must be an event.
func (r *reader) packet() (socketio.Packet, error) {
	p := socketio.Packet{Type: socketio.PacketEvent, Namespace: "/"}
	hasType := false
	var data []byte
	err := r.each(func(key string) (err error) {
		switch key {
		case "type":
			hasType = true
			err = r.packetType()
		case "nsp":
			if r.next() == msgp.NilType {
				return r.skip()
			}
			p.Namespace, err = r.text()
		case "data":
			data, err = r.raw()
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return p, err
	}
	if !hasType || data == nil {
		return p, fmt.Errorf("%w: a packet without type or data", errMalformed)
	}
	if err := validateEvent(data); err != nil {
		return p, err
	}
	if p.Data, p.Attachments, err = toJSON(data); err != nil || len(p.Attachments) == 0 {
		return p, err
	}
	// A client closes the connection at a placeholder that refers to nothing.
	if _, err := socketio.NewArgs(p.Data, p.Attachments); err != nil {
		return p, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return p, nil
}

func (r *reader) packetType() error {
	n, ok, err := r.number()
	if err == nil && (!ok || n != packetEvent && n != packetBinaryEvent) {
		err = fmt.Errorf("%w: a packet that is not an event", errMalformed)
	}
	return err
}

// validateEvent checks that data is an array that begins with the name of an
// event. Clients accept an integer as a name, too.
func validateEvent(data []byte) error {
	r := reader{b: data}
	n, err := r.arrayHeader()
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: an event without a name", errMalformed)
	}
	if err != nil {
		return err
	}
	switch r.next() {
	case msgp.StrType:
		name, err := read(&r, msgp.ReadStringZC)
		if err == nil && reservedEvents[string(name)] {
			err = fmt.Errorf("%w: the reserved event %q", errMalformed, name)
		}
		return err
	case msgp.IntType, msgp.UintType:
		return nil
	}
	return r.errUnexpected("the name of an event")
}
