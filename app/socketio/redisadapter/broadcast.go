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

// event is an event packet as it travels between servers.
type event struct {
	nsp string
	// data is a JSON array: the name of the event and its arguments, with a
	// placeholder for each of attachments.
	data        []byte
	attachments [][]byte
}

// newEvent converts a packet of namespace nsp.
func newEvent(p *socketio.Packet, nsp string) event {
	return event{nsp: nsp, data: p.Data, attachments: p.Attachments}
}

// packet is the reverse of newEvent.
func (e event) packet() *socketio.Packet {
	return &socketio.Packet{Type: socketio.PacketEvent, Namespace: e.nsp, Data: e.data, Attachments: e.attachments}
}

// broadcast is a message on a broadcast channel.
type broadcast struct {
	uid    string // the adapter that published it
	event  event
	target target
	flags  flags
}

// encode returns the message as MessagePack.
func (m *broadcast) encode() ([]byte, error) {
	b := make([]byte, 0, 96+len(m.event.data))
	b = msgp.AppendString(msgp.AppendArrayHeader(b, 3), m.uid)
	b, err := appendEvent(b, m.event)
	if err != nil {
		return nil, err
	}
	return appendOptions(b, m.target, m.flags), nil
}

func appendEvent(b []byte, e event) ([]byte, error) {
	b = msgp.AppendMapHeader(b, 3)
	b = appendInt(msgp.AppendString(b, "type"), packetEvent)
	b, err := appendJSON(msgp.AppendString(b, "data"), e.data, e.attachments)
	if err != nil {
		return nil, err
	}
	return msgp.AppendString(msgp.AppendString(b, "nsp"), e.nsp), nil
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
	if m.event, err = r.event(); err != nil {
		return m, err
	}
	if m.target, m.flags, err = r.options(); err != nil {
		return m, err
	}
	return m, r.end()
}

// event decodes a packet, which must be an event.
func (r *reader) event() (event, error) {
	e := event{nsp: "/"}
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
			e.nsp, err = r.text()
		case "data":
			data, err = r.raw()
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if !hasType || data == nil {
		return e, fmt.Errorf("%w: a packet without type or data", errMalformed)
	}
	if err := validateEvent(data); err != nil {
		return e, err
	}
	if e.data, e.attachments, err = toJSON(data); err != nil || len(e.attachments) == 0 {
		return e, err
	}
	// A client closes the connection at a placeholder that refers to nothing.
	if _, err := socketio.NewArgs(e.data, e.attachments); err != nil {
		return e, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return e, nil
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
