package redisadapter

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxAttachments is how many binaries one packet may have: each becomes a
// frame of its own for each client.
const maxAttachments = 1024

// The extension types of the peers: -1 is MessagePack's timestamp; 0 is what
// notepack 2 and before made of undefined, Date and ArrayBuffer.
const (
	extTimestamp = -1
	extNotepack2 = 0
)

// transcoder turns MessagePack into the JSON of a Socket.IO packet, as
// JSON.stringify would write the same values: binaries become placeholders.
type jsonEncoder struct {
	reader

	json        []byte
	attachments [][]byte
}

// toJSON turns one whole MessagePack value into JSON. The attachments are
// copies: nothing that it returns aliases msgpack.
func toJSON(msgpack []byte) (json []byte, attachments [][]byte, err error) {
	t := jsonEncoder{reader: reader{b: msgpack}, json: make([]byte, 0, len(msgpack)+len(msgpack)/4+16)}
	if err := t.value(); err != nil {
		return nil, nil, err
	}
	if len(t.b) > 0 {
		return nil, nil, fmt.Errorf("%w: %d bytes after the end", errMalformed, len(t.b))
	}
	return t.json, t.attachments, nil
}

// value removes one value and appends it.
func (t *jsonEncoder) value() error {
	v, err := t.next()
	if err != nil {
		return err
	}
	switch v.kind {
	case kindNil:
		t.json = append(t.json, "null"...)
	case kindBool:
		t.json = strconv.AppendBool(t.json, v.yes)
	case kindInt:
		t.json = strconv.AppendInt(t.json, v.i, 10)
	case kindUint:
		t.json = strconv.AppendUint(t.json, v.u, 10)
	case kindFloat:
		t.json = appendFloat(t.json, v.f)
	case kindStr:
		t.json = appendString(t.json, v.b)
	case kindBin:
		return t.binary(v.b)
	case kindExt:
		return t.extension(v)
	case kindArray:
		return t.array(v.n)
	case kindMap:
		return t.object(v.n)
	}
	return nil
}

func (t *jsonEncoder) array(n int) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	t.json = append(t.json, '[')
	for i := range n {
		if i > 0 {
			t.json = append(t.json, ',')
		}
		if err := t.value(); err != nil {
			return err
		}
	}
	t.json = append(t.json, ']')
	return nil
}

func (t *jsonEncoder) object(n int) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	t.json = append(t.json, '{')
	for i := range n {
		if i > 0 {
			t.json = append(t.json, ',')
		}
		if err := t.key(); err != nil {
			return err
		}
		t.json = append(t.json, ':')
		if err := t.value(); err != nil {
			return err
		}
	}
	t.json = append(t.json, '}')
	return nil
}

// key appends a scalar as the name that it has as a property in JavaScript.
func (t *jsonEncoder) key() error {
	v, err := t.next()
	if err != nil {
		return err
	}
	switch v.kind {
	case kindStr:
		t.json = appendString(t.json, v.b)
		return nil
	case kindInt:
		t.json = append(strconv.AppendInt(append(t.json, '"'), v.i, 10), '"')
		return nil
	case kindUint:
		t.json = append(strconv.AppendUint(append(t.json, '"'), v.u, 10), '"')
		return nil
	case kindNil:
		t.json = append(t.json, `"null"`...)
		return nil
	case kindBool:
		t.json = append(strconv.AppendBool(append(t.json, '"'), v.yes), '"')
		return nil
	}
	return fmt.Errorf("%w: the key of a map is no name", errMalformed)
}

func (t *jsonEncoder) binary(b []byte) error {
	if len(t.attachments) == maxAttachments {
		return fmt.Errorf("%w: more than %d binaries", errMalformed, maxAttachments)
	}
	t.json = append(t.json, `{"_placeholder":true,"num":`...)
	t.json = strconv.AppendInt(t.json, int64(len(t.attachments)), 10)
	t.json = append(t.json, '}')
	t.attachments = append(t.attachments, append(make([]byte, 0, len(b)), b...))
	return nil
}

// extension appends what the Node peer makes of an extension: a date, null for
// undefined, a binary, or the pair of type and bytes if it does not know it.
func (t *jsonEncoder) extension(v value) error {
	switch v.ext {
	case extTimestamp:
		if ms, ok := timestamp(v.b); ok {
			t.json = appendDate(t.json, ms)
			return nil
		}
	case extNotepack2:
		switch len(v.b) {
		case 1: // undefined
			t.json = append(t.json, "null"...)
			return nil
		case 8: // Date: milliseconds
			t.json = appendDate(t.json, float64(int64(bigEndian(v.b))))
			return nil
		}
		return t.binary(v.b)
	}
	t.json = append(t.json, '[')
	t.json = strconv.AppendInt(t.json, int64(v.ext), 10)
	t.json = append(t.json, ',')
	if err := t.binary(v.b); err != nil {
		return err
	}
	t.json = append(t.json, ']')
	return nil
}

// timestamp returns the milliseconds since the epoch of MessagePack's three
// forms of a timestamp.
func timestamp(b []byte) (ms float64, ok bool) {
	switch len(b) {
	case 4:
		return float64(bigEndian(b)) * 1e3, true
	case 8:
		n := bigEndian(b)
		return float64(n&(1<<34-1))*1e3 + float64(n>>34)/1e6, true
	case 12:
		return float64(int64(bigEndian(b[4:])))*1e3 + float64(bigEndian(b[:4]))/1e6, true
	}
	return 0, false
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// appendDate appends a date as JSON.stringify does: ISO 8601 with milliseconds
// in UTC, null where JavaScript has no such date.
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
func appendFloat(json []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(json, "null"...)
	}
	if f == 0 {
		return append(json, '0') // and not -0
	}
	if size := math.Abs(f); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(json, f, 'f', -1, 64)
	}
	json = strconv.AppendFloat(json, f, 'e', -1, 64)
	if n := len(json); json[n-2] == '0' && (json[n-3] == '-' || json[n-3] == '+') {
		json[n-2] = json[n-1] // 1e-09 is 1e-9
		json = json[:n-1]
	}
	return json
}

// appendString appends a string in quotes. Invalid UTF-8 becomes U+FFFD.
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
