package redisadapter

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

func appendMapHeader(b []byte, n int) []byte {
	return appendHeader(b, n, 0x80, 0xde)
}

func appendArrayHeader(b []byte, n int) []byte {
	return appendHeader(b, n, 0x90, 0xdc)
}

// appendHeader appends the header of a container: short is the form up to 15
// elements, long the one with 16 bits of length, which 32 bits follow.
func appendHeader(b []byte, n int, short, long byte) []byte {
	switch {
	case n < 16:
		return append(b, short|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, long), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, long+1), uint32(n))
}

func appendText(b []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		b = append(b, 0xa0|byte(n))
	case n < 1<<8:
		b = append(b, 0xd9, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
	}
	return append(b, s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = appendArrayHeader(b, len(list))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func appendBinary(b, data []byte) []byte {
	switch n := len(data); {
	case n < 1<<8:
		b = append(b, 0xc4, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0xc5), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xc6), uint32(n))
	}
	return append(b, data...)
}

func appendBool(b []byte, yes bool) []byte {
	if yes {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

// appendInt appends a number in its smallest form, unsigned if not negative.
func appendInt(b []byte, i int64) []byte {
	switch {
	case i >= 0:
		return appendUint(b, uint64(i))
	case i >= -32:
		return append(b, byte(i))
	case i >= math.MinInt8:
		return append(b, 0xd0, byte(i))
	case i >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(i))
	case i >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(i))
}

func appendUint(b []byte, n uint64) []byte {
	switch {
	case n < 1<<7:
		return append(b, byte(n))
	case n < 1<<8:
		return append(b, 0xcc, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), n)
}

// appendJSON appends JSON as MessagePack. With attachments, a placeholder
// becomes the binary that it stands for; without, it is an object like any
// other. The order of properties is kept.
func appendJSON(b, text []byte, attachments [][]byte) ([]byte, error) {
	w := jsonDecoder{out: b, in: text, attachments: attachments}
	if err := w.value(); err != nil {
		return b, err
	}
	if w.blank(); len(w.in) > 0 {
		return b, fmt.Errorf("%q after the end of the JSON", clip(w.in))
	}
	return w.out, nil
}

// placeholderSize is more than a placeholder takes, however it is spaced.
const placeholderSize = 100

// writer turns JSON into MessagePack.
type jsonDecoder struct {
	out, in     []byte
	attachments [][]byte
	depth       int
}

func clip(b []byte) []byte { return b[:min(len(b), 20)] }

func (w *jsonDecoder) blank() {
	for len(w.in) > 0 && (w.in[0] == ' ' || w.in[0] == '\n' || w.in[0] == '\r' || w.in[0] == '\t') {
		w.in = w.in[1:]
	}
}

// peek returns the next byte that is no space, 0 at the end.
func (w *jsonDecoder) peek() byte {
	if w.blank(); len(w.in) == 0 {
		return 0
	}
	return w.in[0]
}

func (w *jsonDecoder) value() error {
	switch c := w.peek(); c {
	case '[':
		return w.container(']', 0x90, 0xdc, w.value)
	case '{':
		if w.placeholder() {
			return nil
		}
		return w.container('}', 0x80, 0xde, w.property)
	case '"':
		return w.text()
	case 'n':
		return w.word("null", 0xc0)
	case 't':
		return w.word("true", 0xc3)
	case 'f':
		return w.word("false", 0xc2)
	}
	return w.number()
}

func (w *jsonDecoder) word(word string, c byte) error {
	if len(w.in) < len(word) || string(w.in[:len(word)]) != word {
		return fmt.Errorf("%q is no JSON", clip(w.in))
	}
	w.in, w.out = w.in[len(word):], append(w.out, c)
	return nil
}

// container writes the elements behind one byte of header and makes room for a
// longer one if there turn out to be many.
func (w *jsonDecoder) container(end, short, long byte, element func() error) error {
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("JSON nested deeper than %d", maxDepth)
	}
	defer func() { w.depth-- }()
	at, n := len(w.out), 0
	w.out = append(w.out, short)
	for w.in = w.in[1:]; w.peek() != end; n++ {
		if n > 0 {
			if w.peek() != ',' {
				return fmt.Errorf("%q where a comma is due", clip(w.in))
			}
			w.in = w.in[1:]
		}
		if err := element(); err != nil {
			return err
		}
	}
	w.in = w.in[1:]
	if n < 16 {
		w.out[at] |= byte(n)
		return nil
	}
	var header [5]byte
	h := appendHeader(header[:0], n, short, long)
	w.out = append(w.out, h[1:]...)
	copy(w.out[at+len(h):], w.out[at+1:])
	copy(w.out[at:], h)
	return nil
}

func (w *jsonDecoder) property() error {
	if w.peek() != '"' {
		return fmt.Errorf("%q where a name is due", clip(w.in))
	}
	if err := w.text(); err != nil {
		return err
	}
	if w.peek() != ':' {
		return fmt.Errorf("%q where a colon is due", clip(w.in))
	}
	w.in = w.in[1:]
	return w.value()
}

// placeholder writes the binary if the object at hand stands for one.
func (w *jsonDecoder) placeholder() bool {
	if len(w.attachments) == 0 {
		return false
	}
	end := bytes.IndexByte(w.in[:min(len(w.in), placeholderSize)], '}') + 1
	if end == 0 || !bytes.Contains(w.in[:end], []byte(`"_placeholder"`)) {
		return false
	}
	var p struct {
		Placeholder bool `json:"_placeholder"`
		Num         *int `json:"num"`
	}
	if json.Unmarshal(w.in[:end], &p) != nil || !p.Placeholder || p.Num == nil ||
		*p.Num < 0 || *p.Num >= len(w.attachments) {
		return false
	}
	w.out, w.in = appendBinary(w.out, w.attachments[*p.Num]), w.in[end:]
	return true
}

func (w *jsonDecoder) text() error {
	escaped := false
	for i := 1; i < len(w.in); i++ {
		switch w.in[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			token := w.in[:i+1]
			w.in = w.in[i+1:]
			if !escaped && utf8.Valid(token) {
				w.out = appendText(w.out, string(token[1:i]))
				return nil
			}
			var s string
			if err := json.Unmarshal(token, &s); err != nil {
				return err
			}
			w.out = appendText(w.out, s)
			return nil
		}
	}
	return fmt.Errorf("%q has no end", clip(w.in))
}

func (w *jsonDecoder) number() error {
	end, whole := 0, true
	for end < len(w.in) {
		c := w.in[end]
		if c == '.' || c == 'e' || c == 'E' {
			whole = false
		} else if c != '-' && c != '+' && (c < '0' || c > '9') {
			break
		}
		end++
	}
	token := string(w.in[:end])
	if whole {
		if i, err := strconv.ParseInt(token, 10, 64); err == nil {
			w.in, w.out = w.in[end:], appendInt(w.out, i)
			return nil
		}
	}
	f, err := strconv.ParseFloat(token, 64)
	if err != nil && !math.IsInf(f, 0) { // out of range is Infinity in JavaScript
		return fmt.Errorf("%q is no JSON", clip(w.in))
	}
	w.in = w.in[end:]
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		w.out = appendInt(w.out, int64(f))
		return nil
	}
	w.out = binary.BigEndian.AppendUint64(append(w.out, 0xcb), math.Float64bits(f))
	return nil
}
