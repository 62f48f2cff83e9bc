package redisadapter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// appendJSON converts JSON to MessagePack and appends it to b. The order of
// properties is kept. A placeholder becomes the attachment that it refers to;
// without attachments it is an ordinary object.
func appendJSON(b, text []byte, attachments [][]byte) ([]byte, error) {
	d := jsonDecoder{out: b, in: text, attachments: attachments}
	if err := d.value(); err != nil {
		return b, err
	}
	if d.skipSpace(); len(d.in) > 0 {
		return b, d.errUnexpected("the end")
	}
	return d.out, nil
}

// maxPlaceholder exceeds the length of a placeholder with any usual spacing.
const maxPlaceholder = 100

// jsonDecoder converts JSON to MessagePack.
type jsonDecoder struct {
	out, in     []byte
	attachments [][]byte
	depth       int
}

func (d *jsonDecoder) errUnexpected(want string) error {
	return fmt.Errorf("invalid JSON: %q instead of %s", d.in[:min(len(d.in), 20)], want)
}

func (d *jsonDecoder) skipSpace() {
	for len(d.in) > 0 && (d.in[0] == ' ' || d.in[0] == '\n' || d.in[0] == '\r' || d.in[0] == '\t') {
		d.in = d.in[1:]
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (d *jsonDecoder) peek() byte {
	if d.skipSpace(); len(d.in) == 0 {
		return 0
	}
	return d.in[0]
}

// consume removes the next byte if it is c.
func (d *jsonDecoder) consume(c byte) error {
	if d.peek() != c {
		return d.errUnexpected(strconv.QuoteRune(rune(c)))
	}
	d.in = d.in[1:]
	return nil
}

func (d *jsonDecoder) value() error {
	switch d.peek() {
	case '[':
		return d.container(']', d.value)
	case '{':
		if d.placeholder() {
			return nil
		}
		return d.container('}', d.property)
	case '"':
		return d.text()
	case 'n':
		return d.word("null", msgp.AppendNil(d.out))
	case 't':
		return d.word("true", msgp.AppendBool(d.out, true))
	case 'f':
		return d.word("false", msgp.AppendBool(d.out, false))
	}
	return d.number()
}

// word consumes a literal, which makes the output out.
func (d *jsonDecoder) word(word string, out []byte) error {
	rest, ok := bytes.CutPrefix(d.in, []byte(word))
	if !ok {
		return d.errUnexpected(word)
	}
	d.in, d.out = rest, out
	return nil
}

// container converts the elements up to end. It reserves one byte for the header
// and moves the elements if their number needs a longer one.
func (d *jsonDecoder) container(end byte, element func() error) error {
	if d.depth++; d.depth > maxDepth {
		return fmt.Errorf("JSON nested deeper than %d", maxDepth)
	}
	defer func() { d.depth-- }()
	at, n := len(d.out), uint32(0)
	d.out = append(d.out, 0)
	for d.in = d.in[1:]; d.peek() != end; n++ {
		if n > 0 {
			if err := d.consume(','); err != nil {
				return err
			}
		}
		if err := element(); err != nil {
			return err
		}
	}
	d.in = d.in[1:]
	var buffer [5]byte
	header := msgp.AppendArrayHeader(buffer[:0], n)
	if end == '}' {
		header = msgp.AppendMapHeader(buffer[:0], n)
	}
	if len(header) > 1 {
		d.out = append(d.out, header[1:]...)
		copy(d.out[at+len(header):], d.out[at+1:])
	}
	copy(d.out[at:], header)
	return nil
}

func (d *jsonDecoder) property() error {
	if d.peek() != '"' {
		return d.errUnexpected("a property name")
	}
	if err := d.text(); err != nil {
		return err
	}
	if err := d.consume(':'); err != nil {
		return err
	}
	return d.value()
}

// placeholder converts the next object if it is the placeholder of an attachment.
func (d *jsonDecoder) placeholder() bool {
	if len(d.attachments) == 0 {
		return false
	}
	end := bytes.IndexByte(d.in[:min(len(d.in), maxPlaceholder)], '}') + 1
	if end == 0 || !bytes.Contains(d.in[:end], []byte(`"_placeholder"`)) {
		return false
	}
	var p struct {
		Placeholder bool `json:"_placeholder"`
		Num         *int `json:"num"`
	}
	if json.Unmarshal(d.in[:end], &p) != nil || !p.Placeholder || p.Num == nil ||
		*p.Num < 0 || *p.Num >= len(d.attachments) {
		return false
	}
	d.out, d.in = msgp.AppendBytes(d.out, d.attachments[*p.Num]), d.in[end:]
	return true
}

func (d *jsonDecoder) text() error {
	escaped := false
	for i := 1; i < len(d.in); i++ {
		switch d.in[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			token := d.in[:i+1]
			d.in = d.in[i+1:]
			if !escaped && utf8.Valid(token) {
				d.out = msgp.AppendStringFromBytes(d.out, token[1:i])
				return nil
			}
			var s string
			if err := json.Unmarshal(token, &s); err != nil {
				return err
			}
			d.out = msgp.AppendString(d.out, s)
			return nil
		}
	}
	return d.errUnexpected("a complete string")
}

// number converts a whole number that a float64 holds exactly to an integer, as
// JavaScript has one type for both, and any other number to a float64.
func (d *jsonDecoder) number() error {
	end, whole := 0, true
	for end < len(d.in) {
		c := d.in[end]
		if c == '.' || c == 'e' || c == 'E' {
			whole = false
		} else if c != '-' && c != '+' && (c < '0' || c > '9') {
			break
		}
		end++
	}
	token := string(d.in[:end])
	if whole {
		if i, err := strconv.ParseInt(token, 10, 64); err == nil {
			d.in, d.out = d.in[end:], appendInt(d.out, i)
			return nil
		}
	}
	f, err := strconv.ParseFloat(token, 64)
	if err != nil && !math.IsInf(f, 0) { // out of range is Infinity in JavaScript
		return d.errUnexpected("a value")
	}
	d.in = d.in[end:]
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		d.out = appendInt(d.out, int64(f))
		return nil
	}
	d.out = msgp.AppendFloat64(d.out, f)
	return nil
}
