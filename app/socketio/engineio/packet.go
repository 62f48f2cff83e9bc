package engineio

import (
	"bytes"
	"encoding/base64"
	"unicode/utf8"
)

// The types of packets ("Protocol").
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
	// separator stands between the packets of a payload ("Packet encoding",
	// "HTTP long-polling").
	separator = '\x1e'
	// binaryMark stands before the base64 of a binary message.
	binaryPrefix = 'b'
)

// packet is one packet as it came in.
type packet struct {
	typ    byte
	binary bool
	data   []byte
}

// decodePacket takes apart a packet in its textual form, of which the caller
// has checked the UTF-8. A binary message is decoded into scratch, which is
// returned for the next one.
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

// decodeBase64 appends what src stands for. The reference client pads, not
// every client does.
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

// payload is what is left of the body of a POST: packets between separators.
type payload struct {
	rest    []byte
	scratch []byte
	done    bool
}

// openPayload begins to read a body. All of it must be UTF-8: text as it is,
// and base64 for what is binary.
func newPayload(body []byte) (payload, error) {
	if !utf8.Valid(body) {
		return payload{}, errInvalidPacket
	}
	return payload{rest: body}, nil
}

// next returns the next packet, and false after the last one. The packet's
// data is valid until the next call.
func (p *payload) next() (packet, bool, error) {
	if p.done {
		return packet{}, false, nil
	}
	one, rest, more := bytes.Cut(p.rest, []byte{separator})
	p.rest, p.done = rest, !more
	var k packet
	var err error
	k, p.scratch, err = decodePacket(one, p.scratch)
	return k, err == nil, err
}

// appendPayload appends packets to the body of a response ("Receiving data").
func appendPayload(dst []byte, ms []*Message) []byte {
	for i, m := range ms {
		if i > 0 {
			dst = append(dst, separator)
		}
		dst = append(dst, m.text()...)
	}
	return dst
}
