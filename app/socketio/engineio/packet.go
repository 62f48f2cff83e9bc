package engineio

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// Packet types ("Protocol").
const (
	typeOpen    = '0'
	typeClose   = '1'
	typePing    = '2'
	typePong    = '3'
	typeMessage = '4'
	typeUpgrade = '5'
	typeNoop    = '6'
)

const (
	// separator separates the packets of a payload ("Packet encoding", "HTTP
	// long-polling").
	separator = '\x1e'
	// binaryPrefix precedes the base64 of a binary message.
	binaryPrefix = 'b'
)

// packet is a received packet.
type packet struct {
	typ    byte
	binary bool
	data   []byte
}

// decodePacket decodes a packet in text form, which must be valid UTF-8. A
// binary message is decoded into scratch, which is returned for reuse.
func decodePacket(p, scratch []byte) (packet, []byte, error) {
	if len(p) == 0 {
		return packet{}, scratch, errInvalidPacket
	}
	switch kind := p[0]; kind {
	case typeOpen, typeClose, typePing, typePong, typeMessage, typeUpgrade, typeNoop:
		return packet{typ: kind, data: p[1:]}, scratch, nil
	case binaryPrefix:
		scratch, err := decodeBase64(p[1:], scratch[:0])
		return packet{typ: typeMessage, binary: true, data: scratch}, scratch, err
	default:
		return packet{}, scratch, errInvalidPacket
	}
}

// decodeBase64 appends the decoded src to dst. Padding is optional: not every
// client pads.
func decodeBase64(src, dst []byte) ([]byte, error) {
	for range 2 {
		src = bytes.TrimSuffix(src, []byte("="))
	}
	dst, err := base64.RawStdEncoding.AppendDecode(dst, src)
	if err != nil {
		return dst, errInvalidPacket
	}
	return dst, nil
}

// payload iterates over the packets of a POST's body.
type payload struct {
	rest    []byte
	scratch []byte
	done    bool
}

// newPayload validates the body, all of which must be UTF-8: binary messages
// are in base64.
func newPayload(body []byte) (payload, error) {
	if !utf8.Valid(body) {
		return payload{}, errInvalidPacket
	}
	return payload{rest: body}, nil
}

// next returns the next packet, or false after the last one. The packet's data
// is valid until the next call.
func (p *payload) next() (packet, bool, error) {
	if p.done {
		return packet{}, false, nil
	}
	encoded, rest, more := bytes.Cut(p.rest, []byte{separator})
	p.rest, p.done = rest, !more
	var decoded packet
	var err error
	decoded, p.scratch, err = decodePacket(encoded, p.scratch)
	return decoded, err == nil, err
}

// appendPayload appends the packets of a poll's response ("Receiving data").
func appendPayload(dst []byte, ms []*Message) []byte {
	for i, m := range ms {
		if i > 0 {
			dst = append(dst, separator)
		}
		dst = append(dst, m.text()...)
	}
	return dst
}
