package main

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// maxFrame limits the size of a frame from a server, and so a client's memory.
const maxFrame = 1 << 20

// Opcodes that the clients handle (RFC 6455, section 5.2).
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

var (
	errInvalidFrame = errors.New("frame not allowed from a server")
	errFragment     = errors.New("fragmented messages are not supported")
	errLongFrame    = errors.New("frame too long")
)

// frameMask masks all frames. A server's work does not depend on its value.
var frameMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// appendFrame appends a client's frame to dst.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, frameMask[:]...)
	for i, b := range payload {
		dst = append(dst, b^frameMask[i&3])
	}
	return dst
}

// parseFrame parses the server's frame at the start of raw. size is its length
// with the header, or 0 while it is incomplete. The payload aliases raw.
func parseFrame(raw []byte) (op byte, payload []byte, size int, err error) {
	if len(raw) < 2 {
		return 0, nil, 0, nil
	}
	first, n, head := raw[0], uint64(raw[1]), 2
	switch {
	case first&0x70 != 0 || raw[1]&0x80 != 0:
		return 0, nil, 0, errInvalidFrame
	case first&0x80 == 0 || first&0xf == 0:
		return 0, nil, 0, errFragment
	case n == 126:
		if head = 4; len(raw) < head {
			return 0, nil, 0, nil
		}
		n = uint64(binary.BigEndian.Uint16(raw[2:]))
	case n == 127:
		if head = 10; len(raw) < head {
			return 0, nil, 0, nil
		}
		n = binary.BigEndian.Uint64(raw[2:])
	}
	if n > maxFrame {
		return 0, nil, 0, errLongFrame
	}
	size = head + int(n)
	if len(raw) < size {
		return 0, nil, 0, nil
	}
	return first & 0xf, raw[head:size], size, nil
}

const (
	// tagSize is the length of a tag, a # and the number of the message.
	tagSize = 17
	// payloadSize is the length of a payload.
	payloadSize = 64
)

// appendPayload appends the payload of message number id: its tag and a filler
// that JSON does not escape.
func appendPayload(dst []byte, id uint64) []byte {
	at := len(dst)
	dst = append(dst, "#0000000000000000 a reading of about the usual size, in 64 bytes"[:payloadSize]...)
	for i := at + tagSize - 1; id > 0 && i > at; i-- {
		dst[i] = '0' + byte(id%10)
		id /= 10
	}
	return dst
}

// nextTag returns the next tag in a server's message, and the text after it.
func nextTag(text []byte) (id uint64, rest []byte, found bool) {
	at := bytes.IndexByte(text, '#')
	if at < 0 || len(text) < at+tagSize {
		return 0, nil, false
	}
	for _, digit := range text[at+1 : at+tagSize] {
		if digit < '0' || digit > '9' {
			return 0, nil, false
		}
		id = id*10 + uint64(digit-'0')
	}
	return id, text[at+tagSize:], true
}
