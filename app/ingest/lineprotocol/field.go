package lineprotocol

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Kind is the type of a field's value.
type Kind uint8

// The kinds of value.
const (
	// Float is a number without a suffix: 1, -2.5, 6e-3.
	Float Kind = iota + 1
	// Int is a signed 64-bit integer with the suffix i.
	Int
	// Uint is an unsigned 64-bit integer with the suffix u.
	Uint
	// Bool is t, T, true, True or TRUE, or the same spellings of false.
	Bool
	// String is text in quotes.
	String
)

// Field is a field of a line.
type Field struct {
	// Key is not empty.
	Key  string
	Kind Kind
	// Number is the value of all kinds but String: true is 1, and an integer
	// beyond 2^53 is the nearest double.
	Number float64
	// Text is what stands between the quotes of a String, with its escapes.
	Text string
}

// Field reads the next field into f and reports whether there is one.
func (s *Scanner) Field(f *Field) bool {
	if s.part < inFields {
		s.skipTags()
	}
	if s.part != inFields {
		return false
	}
	if f.Key = s.name(endsKey); f.Key == "" {
		s.fail(s.pos, "expected the key of a field")
		return false
	}
	if !s.accept('=') {
		s.fail(s.pos, "expected = after the key of a field")
		return false
	}
	start := s.pos
	if detail := s.value(f); detail != "" {
		s.fail(start, detail)
		return false
	}
	if s.accept(',') {
		return true
	}
	if !s.atEnd() && s.data[s.pos] != ' ' && s.data[s.pos] != '\r' && s.data[s.pos] != '\n' {
		s.fail(s.pos, "expected a comma, a space or the end of the line after a field")
		return false
	}
	s.skipSpaces()
	s.part = inTimestamp
	return true
}

// value reads a value into f and returns what is wrong with it, "" for nothing.
func (s *Scanner) value(f *Field) (detail string) {
	const expected = "expected a number, true, false, or text in quotes"
	if s.atEnd() {
		return expected
	}
	f.Text = ""
	switch c := s.data[s.pos]; {
	case c == '"':
		return s.stringValue(f)
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		return s.boolValue(f)
	case c >= '0' && c <= '9', c == '-', c == '.':
		return s.numberValue(f)
	}
	return expected
}

func (s *Scanner) boolValue(f *Field) (detail string) {
	start := s.pos
	for s.pos < len(s.data) && (s.data[s.pos]|0x20) >= 'a' && (s.data[s.pos]|0x20) <= 'z' {
		s.pos++
	}
	f.Kind = Bool
	switch string(s.data[start:s.pos]) {
	case "t", "T", "true", "True", "TRUE":
		f.Number = 1
		return ""
	case "f", "F", "false", "False", "FALSE":
		f.Number = 0
		return ""
	}
	return "expected true or false"
}

// stringValue reads a string, which may hold newlines. If the quote is never
// closed, only the line of the quote is invalid: later lines hold no quote, so
// they cannot have been meant as part of a string.
func (s *Scanner) stringValue(f *Field) (detail string) {
	b, start := s.data, s.pos+1
	i := start
	for {
		step := bytes.IndexByte(b[i:], '"')
		if step < 0 {
			return "quote is never closed"
		}
		i += step
		slashes := 0
		for i-slashes > start && b[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			break
		}
		i++
	}
	inner := b[start:i]
	s.pos = i + 1
	f.Kind, f.Number, f.Text = String, 0, unsafeString(inner)
	s.line += bytes.Count(inner, newline)
	if !utf8.Valid(inner) {
		return notUTF8
	}
	return ""
}

var newline = []byte{'\n'}

// unescapeString returns the text of a String: a backslash escapes a quote and a
// backslash, and stands for itself before any other byte.
func unescapeString(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	return stringEscapes.Replace(text)
}

var stringEscapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`)
