package redisadapter

import (
	"fmt"
	"math"
	"time"

	"smart-factory-backend/app/socketio"
)

// typeEvent is the type of a packet that carries an event, with or without
// binaries (socket.io-protocol, "Packet types").
const packetEvent = 2

// reserved are the names that no event may have: a client that gets one of them
// takes the packet for invalid and hangs up.
var reserved = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true,
	"disconnecting": true, "newListener": true, "removeListener": true,
}

// event is a packet on its way between servers.
type event struct {
	nsp string
	// data is a JSON array: the event's name and its arguments, with a
	// placeholder for each of attachments.
	data        []byte
	attachments [][]byte
}

// target says who is meant: the members of rooms, or all if there are none,
// but not the members of except.
type target struct {
	Rooms  roomList `json:"rooms"`
	Except roomList `json:"except"`
}

// flags are what travels of the flags of a broadcast.
type flags struct {
	volatile bool
	compress *bool         // nil: not said
	timeout  time.Duration // of acknowledgements, 0: not said
}

// broadcast is a message on a namespace's broadcast channel.
type broadcast struct {
	uid    string
	event  event
	target target
	flags  flags
}

// encode returns the message as MessagePack.
func (m *broadcast) encode() ([]byte, error) {
	b := make([]byte, 0, 96+len(m.event.data))
	b = appendText(appendArrayHeader(b, 3), m.uid)
	b, err := appendEvent(b, m.event)
	if err != nil {
		return nil, err
	}
	return appendOptions(b, m.target, m.flags), nil
}

func appendEvent(b []byte, e event) ([]byte, error) {
	b = appendMapHeader(b, 3)
	b = appendInt(appendText(b, "type"), packetEvent)
	b, err := appendJSON(appendText(b, "data"), e.data, e.attachments)
	if err != nil {
		return nil, err
	}
	return appendText(appendText(b, "nsp"), e.nsp), nil
}

func appendOptions(b []byte, t target, f flags) []byte {
	b = appendMapHeader(b, 3)
	b = appendTexts(appendText(b, "rooms"), t.Rooms)
	b = appendTexts(appendText(b, "except"), t.Except)
	n := 0
	for _, set := range []bool{f.volatile, f.compress != nil, f.timeout != 0} {
		if set {
			n++
		}
	}
	b = appendMapHeader(appendText(b, "flags"), n)
	if f.volatile {
		b = appendBool(appendText(b, "volatile"), true)
	}
	if f.compress != nil {
		b = appendBool(appendText(b, "compress"), *f.compress)
	}
	if f.timeout != 0 {
		b = appendInt(appendText(b, "timeout"), f.timeout.Milliseconds())
	}
	return b
}

// decodeBroadcast reads a message from a broadcast channel.
func decodeBroadcast(b []byte) (broadcast, error) {
	r := reader{b: b}
	var m broadcast
	head, err := r.next()
	if err != nil {
		return m, err
	}
	if head.kind != kindArray || head.n != 3 {
		return m, fmt.Errorf("%w: a broadcast is an array of three", errMalformed)
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
	if len(r.b) > 0 {
		return m, fmt.Errorf("%w: %d bytes after the end", errMalformed, len(r.b))
	}
	return m, nil
}

// event removes a packet.
func (r *reader) event() (event, error) {
	e := event{nsp: "/"}
	kindSeen := false
	var raw []byte
	err := r.each(func(key string) (err error) {
		switch key {
		case "type":
			kindSeen = true
			return r.eventType()
		case "nsp":
			e.nsp, err = r.namespace()
		case "data":
			raw, err = r.raw()
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if !kindSeen || raw == nil {
		return e, fmt.Errorf("%w: a packet without type or data", errMalformed)
	}
	if err := checkEvent(raw); err != nil {
		return e, err
	}
	if e.data, e.attachments, err = toJSON(raw); err != nil || len(e.attachments) == 0 {
		return e, err
	}
	// A client hangs up at an object that looks like a placeholder and is none.
	if _, err := socketio.NewArgs(e.data, e.attachments); err != nil {
		return e, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return e, nil
}

// eventType removes the type of a packet, which must be an event.
func (r *reader) eventType() error {
	v, err := r.next()
	if err != nil {
		return err
	}
	const binaryEvent = 5 // an event as well
	if v.kind != kindInt || v.i != packetEvent && v.i != binaryEvent {
		return fmt.Errorf("%w: a packet that is no event", errMalformed)
	}
	return nil
}

// namespace removes a namespace; nil stands for the main one.
func (r *reader) namespace() (string, error) {
	v, err := r.next()
	if err != nil {
		return "", err
	}
	switch v.kind {
	case kindNil:
		return "/", nil
	case kindStr:
		return validText(v.b), nil
	}
	return "", fmt.Errorf("%w: a namespace that is no string", errMalformed)
}

// checkEvent checks that data is an array that begins with an event's name.
func checkEvent(data []byte) error {
	r := reader{b: data}
	v, err := r.next()
	if err != nil {
		return err
	}
	if v.kind != kindArray || v.n == 0 {
		return fmt.Errorf("%w: data without an event", errMalformed)
	}
	name, err := r.next()
	if err != nil {
		return err
	}
	switch {
	case name.kind == kindStr && !reserved[string(name.b)]:
	case name.kind == kindInt: // clients accept a number as well
	default:
		return fmt.Errorf("%w: no name of an event", errMalformed)
	}
	return nil
}

// options removes what a broadcast is addressed to. All of it may be missing.
func (r *reader) options() (t target, f flags, err error) {
	err = r.each(func(key string) (err error) {
		switch key {
		case "rooms":
			t.Rooms, err = r.rooms()
		case "except":
			t.Except, err = r.rooms()
		case "flags":
			f, err = r.flags()
		default:
			err = r.skip()
		}
		return err
	})
	return t, f, err
}

// rooms removes a list of rooms, which in JavaScript may be numbers; nil is none.
func (r *reader) rooms() ([]string, error) {
	head, err := r.next()
	if err != nil || head.kind == kindNil {
		return nil, err
	}
	if head.kind != kindArray {
		return nil, fmt.Errorf("%w: rooms are a list", errMalformed)
	}
	list := make([]string, 0, head.n)
	for range head.n {
		v, err := r.next()
		if err != nil {
			return nil, err
		}
		switch v.kind {
		case kindStr:
			list = append(list, validText(v.b))
		case kindInt:
			list = append(list, fmt.Sprint(v.i))
		case kindFloat:
			list = append(list, string(appendFloat(nil, v.f)))
		default:
			return nil, fmt.Errorf("%w: a room is a string", errMalformed)
		}
	}
	return list, nil
}

// flags removes the flags, of which unknown ones are passed over; nil is none.
func (r *reader) flags() (f flags, err error) {
	if len(r.b) > 0 && r.b[0] == 0xc0 {
		return f, r.skip()
	}
	err = r.each(func(key string) error {
		raw, err := r.raw()
		if err != nil {
			return err
		}
		v, err := (&reader{b: raw}).next()
		if err != nil {
			return err
		}
		switch key {
		case "volatile":
			f.volatile = v.kind == kindBool && v.yes
		case "compress":
			if v.kind == kindBool {
				f.compress = &v.yes
			}
		case "timeout":
			f.timeout = milliseconds(v)
		}
		return nil
	})
	return f, err
}

// milliseconds returns a number of milliseconds as a duration, 0 if it is none
// or not above 0; no duration is over a day.
func milliseconds(v value) time.Duration {
	ms := v.f
	switch v.kind {
	case kindInt:
		ms = float64(v.i)
	case kindFloat:
	default:
		return 0
	}
	if math.IsNaN(ms) || ms <= 0 {
		return 0
	}
	const day = 24 * time.Hour
	return min(time.Duration(min(ms, float64(day.Milliseconds()))*float64(time.Millisecond)), day)
}
