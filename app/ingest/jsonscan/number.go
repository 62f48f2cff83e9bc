package jsonscan

import (
	"fmt"
	"strconv"

	"smart-factory-backend/app/ingest/decimal"
)

// ParseNumber returns the double that is nearest to a JSON number. raw is a value
// as Skip returns it. detail says why raw is not such a number; "" means that it
// is.
func ParseNumber(raw []byte) (value float64, detail string) {
	n, ok := parseDecimal(raw)
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
	value, err := n.Float(raw)
	if err != nil {
		return 0, "is outside the range of a 64-bit float"
	}
	return value, ""
}

// ParseInteger returns the value of a JSON number that has neither a fraction nor
// an exponent and at most decimal.MaxDigits digits.
func ParseInteger(raw []byte) (value int64, ok bool) {
	n, ok := parseDecimal(raw)
	if !ok || n.Exponent != 0 || n.Digits > decimal.MaxDigits {
		return 0, false
	}
	value, err := strconv.ParseInt(string(raw), 10, 64)
	return value, err == nil
}

// IsNumber reports whether raw is spelled as a JSON number.
func IsNumber(raw []byte) bool {
	_, ok := parseDecimal(raw)
	return ok
}

// parseDecimal splits a number into its parts (RFC 8259, section 6).
func parseDecimal(raw []byte) (n decimal.Number, ok bool) {
	if len(raw) > 0 && raw[0] == '-' {
		raw = raw[1:]
	}
	whole := n.ReadDigits(raw)
	if whole == 0 || whole > 1 && raw[0] == '0' {
		return n, false
	}
	raw = raw[whole:]
	if len(raw) > 0 && raw[0] == '.' {
		fraction := n.ReadDigits(raw[1:])
		if fraction == 0 {
			return n, false
		}
		n.Exponent = -fraction
		raw = raw[1+fraction:]
	}
	if len(raw) > 0 && (raw[0] == 'e' || raw[0] == 'E') {
		length := n.ReadExponent(raw[1:])
		return n, length > 0 && length == len(raw)-1
	}
	return n, len(raw) == 0
}
