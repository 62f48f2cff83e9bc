// Package decimal converts decimal numbers, as the text formats of telemetry
// spell them, to the nearest double.
package decimal

import (
	"strconv"
	"unsafe"
)

// MaxDigits is the number of decimal digits that always fit into 64 bits.
const MaxDigits = 18

// Number is an unsigned decimal number: Mantissa × 10^Exponent.
type Number struct {
	// Mantissa holds the first MaxDigits significant digits.
	Mantissa uint64
	// Digits counts the significant digits, which may be more.
	Digits   int
	Exponent int
}

// ReadDigits appends the digits at the beginning of text to the mantissa and
// returns how many there are.
func (n *Number) ReadDigits(text []byte) int {
	for i, c := range text {
		d := c - '0'
		if d > 9 {
			return i
		}
		if n.Digits > 0 || d != 0 {
			if n.Digits++; n.Digits <= MaxDigits {
				n.Mantissa = n.Mantissa*10 + uint64(d)
			}
		}
	}
	return len(text)
}

// ReadExponent adds the exponent at the beginning of text, an optional sign and
// digits, and returns its length; 0 means that there is none. An exponent beyond
// a million counts as a million, which is out of the range of a double either
// way.
func (n *Number) ReadExponent(text []byte) int {
	start := 0
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		start = 1
	}
	value, i := 0, start
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		value = min(value*10+int(text[i]-'0'), 1_000_000)
	}
	if i == start {
		return 0
	}
	if text[0] == '-' {
		value = -value
	}
	n.Exponent += value
	return i
}

// Float returns the double nearest to n, which text spells with an optional minus
// sign. It returns an error if n is out of the range of a double.
func (n *Number) Float(text []byte) (float64, error) {
	// The quotient or product is exact where both the mantissa and the power of
	// ten are doubles (Clinger, 1990).
	if n.Digits > 15 || n.Exponent < -22 || n.Exponent > 22 {
		return strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	}
	value := float64(n.Mantissa)
	if n.Exponent < 0 {
		value /= powersOfTen[-n.Exponent]
	} else {
		value *= powersOfTen[n.Exponent]
	}
	if text[0] == '-' {
		value = -value
	}
	return value, nil
}

var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}
