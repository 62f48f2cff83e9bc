package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
	"unsafe"
)

// maxDepth is the deepest nesting that Skip accepts.
const maxDepth = 16

// Scanner reads JSON values in the order of the input. A copy of a Scanner reads
// ahead without moving the original.
type Scanner struct {
	data []byte
	pos  int
}

// New returns a Scanner at the beginning of data, behind a byte order mark if there is
// one (RFC 8259, section 8.1). The strings that it returns lie in data where they have
// no escapes.
func New(data []byte) Scanner {
	s := Scanner{data: data}
	if len(data) >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf {
		s.pos = 3
	}
	return s
}

// SyntaxError reports a place where the input is not JSON.
type SyntaxError struct {
	Offset int // in bytes, from 0
	Detail string
}

// Error returns the offset and the detail.
func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Detail) }

// Position returns the line and the column of the error in data, both from 1; the
// column counts bytes.
func (e *SyntaxError) Position(data []byte) (line, column int) {
	before := data[:min(e.Offset, len(data))]
	return 1 + bytes.Count(before, []byte{'\n'}), len(before) - bytes.LastIndexByte(before, '\n')
}

// Fail returns a *SyntaxError at the present position.
func (s *Scanner) Fail(detail string) error { return &SyntaxError{Offset: s.pos, Detail: detail} }

// AtEnd reports whether all input is read.
func (s *Scanner) AtEnd() bool { return s.pos >= len(s.data) }

// ExpectEnd skips space and returns a *SyntaxError unless all input is read.
func (s *Scanner) ExpectEnd() error {
	if s.SkipSpace(); !s.AtEnd() {
		return s.Fail("unexpected data after the JSON value")
	}
	return nil
}

// Peek returns the next byte without reading it, 0 at the end.
func (s *Scanner) Peek() byte {
	if s.AtEnd() {
		return 0
	}
	return s.data[s.pos]
}

func (s *Scanner) accept(c byte) bool {
	if s.Peek() != c || s.AtEnd() {
		return false
	}
	s.pos++
	return true
}

// SkipSpace moves to the next byte that is not white space.
func (s *Scanner) SkipSpace() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// Object reads an object, whose opening brace is next. It calls member with each
// key; member must read the value, which is next. An error from member ends the
// reading and is returned.
func (s *Scanner) Object(member func(key string) error) error {
	s.pos++ // {
	if s.SkipSpace(); s.accept('}') {
		return nil
	}
	for {
		s.SkipSpace()
		if s.Peek() != '"' {
			return s.Fail("expected a key in quotes")
		}
		key, err := s.Text()
		if err != nil {
			return err
		}
		if s.SkipSpace(); !s.accept(':') {
			return s.Fail("expected : after the key")
		}
		s.SkipSpace()
		if err := member(key); err != nil {
			return err
		}
		s.SkipSpace()
		switch {
		case s.accept(','):
		case s.accept('}'):
			return nil
		default:
			return s.Fail("expected , or } after a value")
		}
	}
}

// Array reads an array, whose opening bracket is next. It calls element for each
// value, which element must read. An error from element ends the reading and is
// returned.
func (s *Scanner) Array(element func() error) error {
	s.pos++ // [
	if s.SkipSpace(); s.accept(']') {
		return nil
	}
	for {
		s.SkipSpace()
		if err := element(); err != nil {
			return err
		}
		s.SkipSpace()
		switch {
		case s.accept(','):
		case s.accept(']'):
			return nil
		default:
			return s.Fail("expected , or ] after an element")
		}
	}
}

// Text reads a string, whose opening quote is next. The result is valid as long
// as the input is unchanged. It may hold invalid UTF-8.
func (s *Scanner) Text() (string, error) {
	start := s.pos
	escaped, err := s.quoted()
	if err != nil {
		return "", err
	}
	raw := s.data[start:s.pos]
	if !escaped {
		inner := raw[1 : len(raw)-1]
		return unsafe.String(unsafe.SliceData(inner), len(inner)), nil
	}
	if !utf8.Valid(raw) {
		return string(raw), nil // json.Unmarshal would replace the invalid bytes
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		s.pos = start
		return "", s.Fail("invalid escape in a string")
	}
	return text, nil
}

// quoted skips a string and reports whether it holds escapes.
func (s *Scanner) quoted() (escaped bool, err error) {
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return escaped, nil
		case c == '\\':
			escaped = true
			s.pos++
		case c < ' ':
			return false, s.Fail("control character in a string")
		}
	}
	s.pos = len(s.data)
	return false, s.Fail("string is not closed")
}

// Skip reads one value and returns its bytes, at least one. It checks strings and
// the nesting of brackets only; whoever needs a number or JSON as a whole checks
// the result, which may be a word such as NaN.
func (s *Scanner) Skip() ([]byte, error) {
	start := s.pos
	switch s.Peek() {
	case '"':
		if _, err := s.quoted(); err != nil {
			return nil, err
		}
	case '{', '[':
		if err := s.nested(); err != nil {
			return nil, err
		}
	default:
		for s.pos < len(s.data) && isWord(s.data[s.pos]) {
			s.pos++
		}
		if s.pos == start {
			return nil, s.Fail("expected a value")
		}
	}
	return s.data[start:s.pos], nil
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

// nested skips an object or an array by its brackets.
func (s *Scanner) nested() error {
	var closing [maxDepth]byte
	depth := 0
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case '"':
			if _, err := s.quoted(); err != nil {
				return err
			}
			continue
		case '{', '[':
			if depth == maxDepth {
				return s.Fail(fmt.Sprintf("nested deeper than %d levels", maxDepth))
			}
			closing[depth] = c + 2 // in ASCII, ] and } follow [ and { at a distance of 2
			depth++
		case '}', ']':
			if closing[depth-1] != c {
				return s.Fail("mismatched brackets")
			}
			depth--
			if depth == 0 {
				s.pos++
				return nil
			}
		}
		s.pos++
	}
	return s.Fail("brackets are not closed")
}
