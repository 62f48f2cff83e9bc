package lineprotocol

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// Kind is the type that a field's value has on the line.
type Kind uint8

// The kinds of value.
const (
	// Float is a number without a suffix: 1, -2.5, 6e-3.
	Float Kind = iota + 1
	// Int is a number with the suffix i, of 64 bits.
	Int
	// Uint is a number with the suffix u, of 64 bits.
	Uint
	// Bool is t, T, true, True, TRUE, or the like of false.
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
	// Text is what stands between the quotes of a String, escapes included.
	Text string
}

// Field reads the next field into f and reports whether there was one.
func (s *Scanner) Field(f *Field) bool {
	if s.part < inFields {
		s.toFields()
	}
	if s.part != inFields {
		return false
	}
	if f.Key = s.name(endsKey); f.Key == "" {
		s.fail(s.i, "expected a field's name")
		return false
	}
	if !s.accept('=') {
		s.fail(s.i, "expected = after a field's name")
		return false
	}
	start := s.i
	if reason := s.value(f); reason != "" {
		s.fail(start, reason)
		return false
	}
	if s.accept(',') {
		return true
	}
	if !s.end() && s.b[s.i] != ' ' && s.b[s.i] != '\r' && s.b[s.i] != '\n' {
		s.fail(s.i, "expected a comma, a space or the end of the line after a field")
		return false
	}
	s.spaces()
	s.part = inTimestamp
	return true
}

// value reads a value; it returns what is wrong with it.
func (s *Scanner) value(f *Field) (reason string) {
	const want = "expected a number, true, false, or text in quotes"
	if s.end() {
		return want
	}
	f.Text = ""
	switch c := s.b[s.i]; {
	case c == '"':
		return s.quoted(f)
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		return s.boolean(f)
	case c >= '0' && c <= '9', c == '-', c == '.':
		return s.number(f)
	}
	return want
}

func (s *Scanner) boolean(f *Field) (reason string) {
	start := s.i
	for s.i < len(s.b) && (s.b[s.i]|0x20) >= 'a' && (s.b[s.i]|0x20) <= 'z' {
		s.i++
	}
	f.Kind = Bool
	switch string(s.b[start:s.i]) {
	case "t", "T", "true", "True", "TRUE":
		f.Number = 1
		return ""
	case "f", "F", "false", "False", "FALSE":
		f.Number = 0
		return ""
	}
	return "expected true or false"
}

// quoted reads a string, which may hold newlines. A quote that is never closed
// spoils its own line only: there is no string behind it that others could
// stand in.
func (s *Scanner) quoted(f *Field) (reason string) {
	b, start := s.b, s.i+1
	i := start
	for {
		step := bytes.IndexByte(b[i:], '"')
		if step < 0 {
			return "a quote that is never closed"
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
	s.i = i + 1
	f.Kind, f.Number, f.Text = String, 0, text(inner)
	s.line += bytes.Count(inner, newline)
	if !utf8.Valid(inner) {
		return notUTF8
	}
	return ""
}

var newline = []byte{'\n'}

// digits18 is how many digits always fit into 64 bits.
const digits18 = 18

// decimal is a number taken apart.
type decimal struct {
	negative bool
	mantissa uint64 // of the first 18 digits
	digits   int    // of the mantissa
	exponent int
}

// number reads a number with its suffix.
func (s *Scanner) number(f *Field) (reason string) {
	const want = "expected a number"
	start := s.i
	d := decimal{negative: s.accept('-')}
	whole := s.digits(&d)
	fraction := 0
	point := s.accept('.')
	if point {
		fraction = s.digits(&d)
		d.exponent = -fraction
	}
	if whole+fraction == 0 {
		return want
	}
	if !s.end() {
		switch c := s.b[s.i]; {
		case c == 'i' && !point:
			return s.whole(f, &d, start)
		case c == 'u' && !point && !d.negative:
			return s.whole(f, &d, start)
		case c == 'e' || c == 'E':
			s.i++
			if !s.exponent(&d) {
				return want
			}
		}
	}
	f.Kind = Float
	value, err := d.float(s.b[start:s.i])
	f.Number = value
	if err != nil {
		return "a number beyond what a double can hold"
	}
	return ""
}

// digits reads digits and returns how many there were.
func (s *Scanner) digits(d *decimal) int {
	start := s.i
	for ; s.i < len(s.b); s.i++ {
		c := s.b[s.i] - '0'
		if c > 9 {
			break
		}
		if d.digits > 0 || c != 0 {
			if d.digits++; d.digits <= digits18 {
				d.mantissa = d.mantissa*10 + uint64(c)
			}
		}
	}
	return s.i - start
}

func (s *Scanner) exponent(d *decimal) bool {
	negative := s.accept('-')
	if !negative {
		s.accept('+')
	}
	n, start := 0, s.i
	for ; s.i < len(s.b) && s.b[s.i]-'0' <= 9; s.i++ {
		n = min(n*10+int(s.b[s.i]-'0'), 1_000_000)
	}
	if negative {
		n = -n
	}
	d.exponent += n
	return s.i > start
}

// whole ends an integer, whose suffix is next.
func (s *Scanner) whole(f *Field, d *decimal, start int) (reason string) {
	digits := text(s.b[start:s.i])
	f.Kind = Int
	if s.b[s.i] == 'u' {
		f.Kind = Uint
	}
	s.i++
	if d.digits <= digits18 {
		f.Number = float64(d.mantissa)
		if d.negative && d.mantissa != 0 {
			f.Number = -f.Number
		}
		return ""
	}
	var err error
	if f.Kind == Int {
		var n int64
		n, err = strconv.ParseInt(digits, 10, 64)
		f.Number = float64(n)
	} else {
		var n uint64
		n, err = strconv.ParseUint(digits, 10, 64)
		f.Number = float64(n)
	}
	if err != nil {
		return "an integer beyond 64 bits"
	}
	return ""
}

// float returns the double nearest to d, which raw spells.
func (d *decimal) float(raw []byte) (float64, error) {
	// Exact where mantissa and power of ten both are doubles (Clinger, 1990).
	if d.digits <= 15 && d.exponent >= -22 && d.exponent <= 22 {
		value := float64(d.mantissa)
		if d.exponent < 0 {
			value /= powers[-d.exponent]
		} else {
			value *= powers[d.exponent]
		}
		if d.negative {
			value = -value
		}
		return value, nil
	}
	return strconv.ParseFloat(text(raw), 64)
}

var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// integer reads a whole number of 64 bits.
func (s *Scanner) integer() (int64, bool) {
	start := s.i
	d := decimal{negative: s.accept('-')}
	if s.digits(&d) == 0 {
		return 0, false
	}
	if d.digits > digits18 {
		n, err := strconv.ParseInt(text(s.b[start:s.i]), 10, 64)
		return n, err == nil
	}
	if d.negative {
		return -int64(d.mantissa), true
	}
	return int64(d.mantissa), true
}
