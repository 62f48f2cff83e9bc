package redisadapter

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// maxAttachments limits the binaries of a packet: each becomes a frame of its own
// for each client.
const maxAttachments = 1024

// Extension types that Node servers send.
const (
	extTimestamp = -1 // the timestamp of the MessagePack specification
	extNotepack2 = 0  // undefined, Date and ArrayBuffer in notepack 2 and older
)

// jsonEncoder converts MessagePack to the JSON of a Socket.IO packet, as
// JSON.stringify writes the same values. A binary becomes an attachment, and a
// placeholder in its place.
type jsonEncoder struct {
	reader

	json        []byte
	depth       int
	attachments [][]byte
}

// toJSON converts one MessagePack value to JSON. The results do not alias msgpack.
func toJSON(msgpack []byte) (text []byte, attachments [][]byte, err error) {
	e := jsonEncoder{reader: reader{b: msgpack}, json: make([]byte, 0, len(msgpack)+len(msgpack)/4+16)}
	if err = e.value(); err == nil {
		err = e.end()
	}
	if err != nil {
		return nil, nil, err
	}
	return e.json, e.attachments, nil
}

func (e *jsonEncoder) value() error {
	switch e.next() {
	case msgp.Float64Type:
		f, err := read(&e.reader, msgp.ReadFloat64Bytes)
		e.json = appendFloat(e.json, f)
		return err
	case msgp.BinType:
		b, err := read(&e.reader, msgp.ReadBytesZC)
		if err != nil {
			return err
		}
		return e.attach(b)
	case msgp.ExtensionType:
		return e.extensionValue()
	case msgp.ArrayType:
		return e.container('[', ']', e.arrayHeader, e.value)
	case msgp.MapType:
		return e.container('{', '}', e.mapHeader, e.property)
	default:
		return e.scalar()
	}
}

// scalar converts the types that may also be keys of a map.
func (e *jsonEncoder) scalar() error {
	switch e.next() {
	case msgp.NilType:
		e.json = append(e.json, "null"...)
		return e.skip()
	case msgp.BoolType:
		b, err := read(&e.reader, msgp.ReadBoolBytes)
		e.json = strconv.AppendBool(e.json, b)
		return err
	case msgp.IntType:
		i, err := read(&e.reader, msgp.ReadInt64Bytes)
		e.json = strconv.AppendInt(e.json, i, 10)
		return err
	case msgp.UintType:
		u, err := read(&e.reader, msgp.ReadUint64Bytes)
		e.json = strconv.AppendUint(e.json, u, 10)
		return err
	case msgp.StrType:
		s, err := read(&e.reader, msgp.ReadStringZC)
		e.json = appendString(e.json, s)
		return err
	}
	return e.errUnexpected("a value")
}

func (e *jsonEncoder) container(begin, end byte, header func() (int, error), element func() error) error {
	n, err := header()
	if err != nil {
		return err
	}
	if e.depth++; e.depth > maxDepth {
		return fmt.Errorf("%w: nested deeper than %d", errMalformed, maxDepth)
	}
	defer func() { e.depth-- }()
	e.json = append(e.json, begin)
	for i := range n {
		if i > 0 {
			e.json = append(e.json, ',')
		}
		if err := element(); err != nil {
			return err
		}
	}
	e.json = append(e.json, end)
	return nil
}

// property converts a key and its value. A key that is not a string becomes the
// property name that it has in JavaScript.
func (e *jsonEncoder) property() error {
	quoted := e.next() == msgp.StrType
	if !quoted {
		e.json = append(e.json, '"')
	}
	if err := e.scalar(); err != nil {
		return err
	}
	if !quoted {
		e.json = append(e.json, '"')
	}
	e.json = append(e.json, ':')
	return e.value()
}

// attach appends a placeholder and copies the binary to the attachments.
func (e *jsonEncoder) attach(b []byte) error {
	if len(e.attachments) == maxAttachments {
		return fmt.Errorf("%w: more than %d binaries", errMalformed, maxAttachments)
	}
	e.json = append(e.json, `{"_placeholder":true,"num":`...)
	e.json = strconv.AppendInt(e.json, int64(len(e.attachments)), 10)
	e.json = append(e.json, '}')
	e.attachments = append(e.attachments, append(make([]byte, 0, len(b)), b...))
	return nil
}

// extensionValue converts an extension as Node servers do: to a date, null for
// undefined, a binary, or type and binary for an unknown type.
func (e *jsonEncoder) extensionValue() error {
	kind, data, err := e.extension()
	if err != nil {
		return err
	}
	switch kind {
	case extTimestamp:
		if ms, ok := timestamp(data); ok {
			e.json = appendDate(e.json, ms)
			return nil
		}
	case extNotepack2:
		switch len(data) {
		case 1: // undefined
			e.json = append(e.json, "null"...)
			return nil
		case 8: // Date, in milliseconds
			e.json = appendDate(e.json, float64(int64(binary.BigEndian.Uint64(data))))
			return nil
		}
		return e.attach(data)
	}
	e.json = append(e.json, '[')
	e.json = strconv.AppendInt(e.json, int64(kind), 10)
	e.json = append(e.json, ',')
	if err := e.attach(data); err != nil {
		return err
	}
	e.json = append(e.json, ']')
	return nil
}

// timestamp decodes the three forms of the MessagePack timestamp to milliseconds
// since the epoch.
func timestamp(b []byte) (ms float64, ok bool) {
	switch len(b) {
	case 4:
		return float64(binary.BigEndian.Uint32(b)) * 1e3, true
	case 8:
		n := binary.BigEndian.Uint64(b)
		return float64(n&(1<<34-1))*1e3 + float64(n>>34)/1e6, true
	case 12:
		return float64(int64(binary.BigEndian.Uint64(b[4:])))*1e3 + float64(binary.BigEndian.Uint32(b))/1e6, true
	}
	return 0, false
}

// appendDate appends a date as JSON.stringify does: ISO 8601 with milliseconds in
// UTC, or null outside the range of a JavaScript Date.
func appendDate(json []byte, ms float64) []byte {
	const limit = 8.64e15 // ECMAScript, section 21.4.1.1
	if math.IsNaN(ms) || math.Abs(ms) > limit {
		return append(json, "null"...)
	}
	at := time.UnixMilli(int64(math.Trunc(ms))).UTC()
	json = append(json, '"')
	switch year := at.Year(); {
	case year < 0:
		json = fmt.Appendf(json, "-%06d", -year)
	case year > 9999:
		json = fmt.Appendf(json, "+%06d", year)
	default:
		json = fmt.Appendf(json, "%04d", year)
	}
	return at.AppendFormat(json, `-01-02T15:04:05.000Z"`)
}

// appendFloat appends a number as JSON.stringify does.
func appendFloat(b []byte, f float64) []byte {
	switch size := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(b, "null"...)
	case size == 0:
		return append(b, '0') // JSON.stringify(-0) is 0
	case size >= 1e-6 && size < 1e21:
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	text, _ := json.Marshal(f) // never fails for a finite number
	return append(b, text...)
}

// appendString appends a quoted string. Invalid UTF-8 is replaced by U+FFFD.
func appendString(json, s []byte) []byte {
	const hex = "0123456789abcdef"
	json = append(json, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(s[i:])
			json = utf8.AppendRune(json, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			json = append(json, '\\', c)
		case c == '\n':
			json = append(json, '\\', 'n')
		case c < 0x20:
			json = append(json, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			json = append(json, c)
		}
		i++
	}
	return append(json, '"')
}
