package httpapi

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
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
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
