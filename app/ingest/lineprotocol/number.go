package lineprotocol

import (
	"strconv"

	"smart-factory-backend/app/ingest/decimal"
)

// numberValue reads a number with its suffix into f and returns what is wrong
// with it, "" for nothing.
func (s *Scanner) numberValue(f *Field) (detail string) {
	const expected = "expected a number"
	start := s.pos
	negative := s.accept('-')
	var n decimal.Number
	digits := s.digits(&n)
	point := s.accept('.')
	if point {
		fraction := s.digits(&n)
		n.Exponent = -fraction
		digits += fraction
	}
	if digits == 0 {
		return expected
	}
	if !s.atEnd() {
		switch c := s.data[s.pos]; {
		case c == 'i' && !point:
			return s.integerValue(f, &n, start)
		case c == 'u' && !point && !negative:
			return s.integerValue(f, &n, start)
		case c == 'e' || c == 'E':
			length := n.ReadExponent(s.data[s.pos+1:])
			if s.pos += 1 + length; length == 0 {
				return expected
			}
		}
	}
	f.Kind = Float
	value, err := n.Float(s.data[start:s.pos])
	f.Number = value
	if err != nil {
		return "number outside the range of a 64-bit float"
	}
	return ""
}

// digits reads digits into n and returns how many there were.
func (s *Scanner) digits(n *decimal.Number) int {
	length := n.ReadDigits(s.data[s.pos:])
	s.pos += length
	return length
}

// integerValue ends an integer that began at start and whose suffix is next.
func (s *Scanner) integerValue(f *Field, n *decimal.Number, start int) (detail string) {
	digits := unsafeString(s.data[start:s.pos])
	f.Kind = Int
	if s.data[s.pos] == 'u' {
		f.Kind = Uint
	}
	s.pos++
	if n.Digits <= decimal.MaxDigits {
		f.Number = float64(n.Mantissa)
		if digits[0] == '-' && n.Mantissa != 0 { // an integer has no negative zero
			f.Number = -f.Number
		}
		return ""
	}
	var err error
	if f.Kind == Int {
		var value int64
		value, err = strconv.ParseInt(digits, 10, 64)
		f.Number = float64(value)
	} else {
		var value uint64
		value, err = strconv.ParseUint(digits, 10, 64)
		f.Number = float64(value)
	}
	if err != nil {
		return "integer outside the range of 64 bits"
	}
	return ""
}

// integer reads an integer of 64 bits without a suffix.
func (s *Scanner) integer() (value int64, ok bool) {
	start := s.pos
	negative := s.accept('-')
	var n decimal.Number
	if s.digits(&n) == 0 {
		return 0, false
	}
	if n.Digits > decimal.MaxDigits {
		value, err := strconv.ParseInt(unsafeString(s.data[start:s.pos]), 10, 64)
		return value, err == nil
	}
	if negative {
		return -int64(n.Mantissa), true
	}
	return int64(n.Mantissa), true
}
