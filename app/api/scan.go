package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// maxDepth is how deep a value may nest. Nothing that is taken nests at all.
const maxDepth = 16

// scanner reads JSON (RFC 8259) from a body.
type scanner struct {
	b []byte
	i int
}

// syntaxError is a place where the input is not JSON.
type syntaxError struct {
	at   int
	what string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.at, e.what) }

func (s *scanner) fault(what string) error { return &syntaxError{at: s.i, what: what} }

func (s *scanner) end() bool { return s.i >= len(s.b) }

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.end() {
		return 0
	}
	return s.b[s.i]
}

func (s *scanner) accept(c byte) bool {
	if s.peek() != c || s.end() {
		return false
	}
	s.i++
	return true
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// members reads an object; value is called with each key and must read the
// value behind it. Keys lie in the input where they can.
func (s *scanner) members(value func(key string) error) error {
	s.i++ // {
	if s.space(); s.accept('}') {
		return nil
	}
	for {
		s.space()
		if s.peek() != '"' {
			return s.fault("want a key in quotes")
		}
		key, err := s.text()
		if err != nil {
			return err
		}
		if s.space(); !s.accept(':') {
			return s.fault("want : after the key")
		}
		s.space()
		if err := value(key); err != nil {
			return err
		}
		s.space()
		switch {
		case s.accept(','):
		case s.accept('}'):
			return nil
		default:
			return s.fault("want , or } after a value")
		}
	}
}

// text reads a string. It is good for as long as the input is.
func (s *scanner) text() (string, error) {
	start := s.i
	escaped, err := s.quoted()
	if err != nil {
		return "", err
	}
	raw := s.b[start:s.i]
	if !escaped {
		inner := raw[1 : len(raw)-1]
		return unsafe.String(unsafe.SliceData(inner), len(inner)), nil
	}
	if !utf8.Valid(raw) {
		return string(raw), nil // what is wrong with it shows when the name is checked
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		s.i = start
		return "", s.fault("a bad escape in a string")
	}
	return text, nil
}

// quoted passes over a string and reports whether it holds escapes.
func (s *scanner) quoted() (escaped bool, err error) {
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return escaped, nil
		case c == '\\':
			escaped = true
			s.i++
		case c < ' ':
			return false, s.fault("a control character in a string")
		}
	}
	s.i = len(s.b)
	return false, s.fault("a string without end")
}

// skip passes over one value and returns it as it stands. Words that are not
// JSON, such as NaN, pass too: whoever wants a number refuses them.
func (s *scanner) skip() ([]byte, error) {
	start := s.i
	switch s.peek() {
	case '"':
		if _, err := s.quoted(); err != nil {
			return nil, err
		}
	case '{', '[':
		if err := s.nested(); err != nil {
			return nil, err
		}
	default:
		for s.i < len(s.b) && isWord(s.b[s.i]) {
			s.i++
		}
		if s.i == start {
			return nil, s.fault("want a value")
		}
	}
	return s.b[start:s.i], nil
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

// nested passes over an object or an array by its brackets.
func (s *scanner) nested() error {
	var closers [maxDepth]byte
	depth := 0
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case '"':
			if _, err := s.quoted(); err != nil {
				return err
			}
			continue
		case '{', '[':
			if depth == maxDepth {
				return s.fault(fmt.Sprintf("nested deeper than %d", maxDepth))
			}
			closers[depth] = c + 2 // ] and } stand two behind [ and {
			depth++
		case '}', ']':
			if closers[depth-1] != c {
				return s.fault("brackets that do not match")
			}
			depth--
			if depth == 0 {
				s.i++
				return nil
			}
		}
		s.i++
	}
	return s.fault("brackets without end")
}

// parseNumber reads a JSON number exactly. fault says what it is instead.
func parseNumber(raw []byte) (value float64, fault string) {
	mantissa, exponent, digits, ok := decimal(raw)
	if !ok {
		switch raw[0] {
		case '"', '{', '[', 't', 'f':
			return 0, "must be a number"
		case 'n':
			if string(raw) == "null" {
				return 0, "must be a number, and is null"
			}
		}
		return 0, fmt.Sprintf("%s is not a JSON number", clip(strconv.Quote(string(raw[:min(len(raw), 64)]))))
	}
	// Exact where mantissa and power of ten both are doubles (Clinger, 1990).
	if digits <= 15 && exponent >= -22 && exponent <= 22 {
		value = float64(mantissa)
		if exponent < 0 {
			value /= powers[-exponent]
		} else {
			value *= powers[exponent]
		}
		if raw[0] == '-' {
			value = -value
		}
		return value, ""
	}
	value, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(raw), len(raw)), 64)
	if err != nil {
		return 0, "is beyond what a double can hold"
	}
	return value, ""
}

var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal takes a number apart (RFC 8259, section 6). digits counts those of
// the mantissa; beyond 18 the mantissa is not kept.
func decimal(raw []byte) (mantissa uint64, exponent, digits int, ok bool) {
	i := 0
	if i < len(raw) && raw[i] == '-' {
		i++
	}
	first := i
	take := func() (n int) {
		for ; i < len(raw) && raw[i] >= '0' && raw[i] <= '9'; i++ {
			n++
			if digits > 0 || raw[i] != '0' {
				digits++
				if digits <= 18 {
					mantissa = mantissa*10 + uint64(raw[i]-'0')
				}
			}
		}
		return n
	}
	whole := take()
	if whole == 0 || whole > 1 && raw[first] == '0' {
		return 0, 0, 0, false
	}
	if i < len(raw) && raw[i] == '.' {
		i++
		fraction := take()
		if fraction == 0 {
			return 0, 0, 0, false
		}
		exponent = -fraction
	}
	if i < len(raw) && (raw[i] == 'e' || raw[i] == 'E') {
		n, ok := exponentOf(raw[i+1:])
		return mantissa, exponent + n, digits, ok
	}
	return mantissa, exponent, digits, i == len(raw)
}

func exponentOf(raw []byte) (n int, ok bool) {
	negative := len(raw) > 0 && raw[0] == '-'
	if len(raw) > 0 && (raw[0] == '-' || raw[0] == '+') {
		raw = raw[1:]
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int(c-'0'), 1_000_000)
	}
	if negative {
		n = -n
	}
	return n, len(raw) > 0
}

// parseInteger reads a whole number as JSON writes it without a fraction.
func parseInteger(raw []byte) (int64, bool) {
	_, exponent, digits, ok := decimal(raw)
	if !ok || exponent != 0 || digits > 18 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}
