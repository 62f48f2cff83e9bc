package jsonscan

import (
	"fmt"
	"strconv"
	"unsafe"
)

// ParseNumber returns the double that is nearest to a JSON number. raw is a value
// as Skip returns it. detail says why raw is not such a number; "" means that it
// is.
func ParseNumber(raw []byte) (value float64, detail string) {
	mantissa, exponent, digits, ok := decimal(raw)
	if !ok {
		switch raw[0] {
		case '"', '{', '[', 't', 'f':
			return 0, "must be a number"
		case 'n':
			if string(raw) == "null" {
				return 0, "must be a number, not null"
			}
		}
		return 0, fmt.Sprintf("%s is not a JSON number", Excerpt(strconv.Quote(string(raw[:min(len(raw), maxExcerpt)]))))
	}
	// The quotient or product is exact where both the mantissa and the power of
	// ten are doubles (Clinger, 1990).
	if digits <= 15 && exponent >= -22 && exponent <= 22 {
		value = float64(mantissa)
		if exponent < 0 {
			value /= powersOfTen[-exponent]
		} else {
			value *= powersOfTen[exponent]
		}
		if raw[0] == '-' {
			value = -value
		}
		return value, ""
	}
	value, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(raw), len(raw)), 64)
	if err != nil {
		return 0, "is outside the range of a 64-bit float"
	}
	return value, ""
}

// ParseInteger returns the value of a JSON number that has neither a fraction nor
// an exponent and at most 18 digits.
func ParseInteger(raw []byte) (n int64, ok bool) {
	_, exponent, digits, ok := decimal(raw)
	if !ok || exponent != 0 || digits > maxDigits {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}

// IsNumber reports whether raw is spelled as a JSON number.
func IsNumber(raw []byte) bool {
	_, _, _, ok := decimal(raw)
	return ok
}

var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// maxDigits is the number of decimal digits that always fit into 64 bits.
const maxDigits = 18

// decimal splits a number into its parts (RFC 8259, section 6), without the sign.
// digits counts the significant digits; mantissa holds the first maxDigits.
func decimal(raw []byte) (mantissa uint64, exponent, digits int, ok bool) {
	i := 0
	if i < len(raw) && raw[i] == '-' {
		i++
	}
	first := i
	readDigits := func() (n int) {
		for ; i < len(raw) && raw[i] >= '0' && raw[i] <= '9'; i++ {
			n++
			if digits > 0 || raw[i] != '0' {
				digits++
				if digits <= maxDigits {
					mantissa = mantissa*10 + uint64(raw[i]-'0')
				}
			}
		}
		return n
	}
	whole := readDigits()
	if whole == 0 || whole > 1 && raw[first] == '0' {
		return 0, 0, 0, false
	}
	if i < len(raw) && raw[i] == '.' {
		i++
		fraction := readDigits()
		if fraction == 0 {
			return 0, 0, 0, false
		}
		exponent = -fraction
	}
	if i < len(raw) && (raw[i] == 'e' || raw[i] == 'E') {
		n, ok := parseExponent(raw[i+1:])
		return mantissa, exponent + n, digits, ok
	}
	return mantissa, exponent, digits, i == len(raw)
}

// parseExponent limits the exponent to a million: any larger one is out of range.
func parseExponent(raw []byte) (n int, ok bool) {
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
