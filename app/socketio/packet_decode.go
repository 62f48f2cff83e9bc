package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// wirePacket is a received packet. Its slices refer to the message.
type wirePacket struct {
	kind        PacketType
	namespace   []byte
	id          uint64
	hasID       bool
	attachments int
	data        []byte // valid for kind; nil if empty
	// name and args are set for events: the name, in quotes if it is a string,
	// and the list of the arguments.
	name, args []byte
}

// parsePacket parses the text of a packet, as strictly as the reference
// implementation (protocol 5, "Packet encoding").
func parsePacket(text []byte, maxAttachments int) (wirePacket, error) {
	var p wirePacket
	if len(text) == 0 || text[0] < '0' || text[0] > '6' {
		return p, fmt.Errorf("%w: unknown packet type", ErrInvalid)
	}
	p.kind = PacketType(text[0] - '0')
	rest := text[1:]
	if p.kind == PacketBinaryEvent || p.kind == PacketBinaryAck {
		count, after, found := bytes.Cut(rest, []byte{'-'})
		n, ok := parseDigits(count)
		if !found || !ok || n > uint64(maxAttachments) {
			return p, fmt.Errorf("%w: illegal attachments", ErrInvalid)
		}
		p.attachments, rest = int(n), after
	}
	p.namespace = []byte{'/'}
	if len(rest) > 0 && rest[0] == '/' {
		p.namespace, rest, _ = bytes.Cut(rest, []byte{','})
		if !validName(p.namespace) {
			return p, fmt.Errorf("%w: illegal namespace", ErrInvalid)
		}
	}
	if end := skipDigits(rest, 0); end > 0 {
		id, ok := parseDigits(rest[:end])
		if !ok {
			return p, fmt.Errorf("%w: illegal id", ErrInvalid)
		}
		p.id, p.hasID, rest = id, true, rest[end:]
	}
	if len(rest) > 0 {
		p.data = rest
	}
	return p, p.check()
}

// check validates the data for the type of the packet.
func (p *wirePacket) check() error {
	valid := false
	switch p.kind {
	case PacketConnect:
		valid = p.data == nil || validKind(p.data, '{')
	case PacketDisconnect:
		valid = p.data == nil
	case PacketConnectError: // valid syntax, although clients do not send it
		valid = validKind(p.data, '{') || validKind(p.data, '"')
	case PacketEvent, PacketBinaryEvent:
		valid = validKind(p.data, '[') && p.splitEvent()
	case PacketAck, PacketBinaryAck:
		valid = validKind(p.data, '[')
	}
	if !valid {
		return fmt.Errorf("%w: invalid payload", ErrInvalid)
	}
	if p.attachments > 0 && !walkPlaceholders(p.data, p.attachments, func(int, int, int) {}) {
		return fmt.Errorf("%w: illegal attachments", ErrInvalid)
	}
	return nil
}

// parseDigits parses an unsigned integer that JavaScript can represent.
func parseDigits(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 16 || skipDigits(b, 0) != len(b) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	return n, err == nil && n < 1<<53
}

// validName rejects names that could break a packet, because the name is sent
// back unchanged.
func validName(name []byte) bool {
	for _, c := range name {
		if c < ' ' {
			return false
		}
	}
	return len(name) <= maxNameLength
}

// maxNameLength bounds the names of namespaces, which the server may keep.
const maxNameLength = 1024

// splitEvent finds the name and the arguments of an event. It reports whether
// a client may send the event: the name is a string that is not reserved or,
// as in the reference implementation, a number.
func (p *wirePacket) splitEvent() bool {
	list := arrayElements(p.data)
	end := skipValue(list, 0, 0)
	if end < 0 {
		return false // no name
	}
	if rest := skipSpace(list, end); rest < len(list) {
		p.args = list[skipSpace(list, rest+1):] // after the comma
	}
	p.name = list[:end]
	if p.name[0] == '"' {
		return !reservedQuoted(p.name)
	}
	return p.name[0] == '-' || isDigit(p.name[0])
}

func reservedQuoted(name []byte) bool {
	if bytes.IndexByte(name, '\\') < 0 {
		return reserved(string(name[1 : len(name)-1]))
	}
	return reserved(unquote(name))
}

// unquote returns the text of a valid JSON string or number.
func unquote(b []byte) string {
	if b[0] != '"' {
		return string(b)
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1])
	}
	var s string
	_ = json.Unmarshal(b, &s)
	return s
}

// partialPacket is a packet whose attachments have not all arrived. They
// follow the text as binary messages, in order ("Packet encoding").
type partialPacket struct {
	packet      wirePacket
	attachments [][]byte
	size        int
	charged     int // to the account of the session
}

// newPartialPacket copies the parts of the message that p refers to.
func newPartialPacket(p wirePacket) *partialPacket {
	p.namespace, p.data = bytes.Clone(p.namespace), bytes.Clone(p.data)
	if p.name != nil {
		p.splitEvent()
	}
	return &partialPacket{packet: p}
}

// add appends an attachment and reports whether it was the last.
func (a *partialPacket) add(data []byte, limit int) (complete bool, err error) {
	if a.size += len(data); a.size > limit {
		return false, fmt.Errorf("%w: attachments too large", ErrInvalid)
	}
	a.attachments = append(a.attachments, append(make([]byte, 0, len(data)), data...))
	return len(a.attachments) == a.packet.attachments, nil
}
