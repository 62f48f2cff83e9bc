package api

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// appendComma writes what parts the entry of an index from the one before.
func appendComma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ',')
}

// appendFloat writes the shortest number that reads back as the same double,
// in the forms that JSON, CSV readers and spreadsheets all know.
func appendFloat(dst []byte, v float64) []byte {
	abs := math.Abs(v)
	if abs < maxDecimalValue && (abs >= 1e-6 || abs == 0) {
		if n := int64(abs*decimalScale + .5); float64(n)/decimalScale == abs {
			return appendDecimal(dst, n, math.Signbit(v))
		}
	}
	format := byte('f')
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

// What sensors send has few decimals, and then a division tells whether a
// double is that decimal. One of at most 15 digits is the shortest of its
// double, as no two of them have the same.
const (
	decimalPlaces = 7
	decimalScale  = 1e7
	maxDecimalValue    = 1e8
)

// appendDecimal writes n/decimals without zeros at its end.
func appendDecimal(dst []byte, n int64, negative bool) []byte {
	if negative {
		dst = append(dst, '-')
	}
	whole, rest := n/decimalScale, n%decimalScale
	dst = strconv.AppendInt(dst, whole, 10)
	if rest == 0 {
		return dst
	}
	digits := [decimalPlaces + 1]byte{'.'}
	for i := decimalPlaces; i > 0; i-- {
		digits[i] = byte('0' + rest%10)
		rest /= 10
	}
	end := len(digits)
	for digits[end-1] == '0' {
		end--
	}
	return append(dst, digits[:end]...)
}

// appendString writes a JSON string.
func appendString(dst []byte, s string) []byte {
	text, _ := json.Marshal(s) // strings can't fail
	return append(dst, text...)
}

// appendCSV writes a field (RFC 4180, section 2). One that a spreadsheet would
// take for a formula is quoted like any other: the data stays what it is.
func appendCSV(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, "\",\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}
