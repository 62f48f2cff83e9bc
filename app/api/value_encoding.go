package api

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// appendComma appends a comma before every entry of a list but the first.
func appendComma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ',')
}

// appendFloat appends the shortest decimal number that parses to v, in a notation
// that JSON, CSV readers and spreadsheets all accept. v is finite.
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

// jsonFloat is a finite number that encodes as appendFloat writes it.
type jsonFloat float64

// MarshalJSON implements json.Marshaler.
func (v jsonFloat) MarshalJSON() ([]byte, error) { return appendFloat(nil, float64(v)), nil }

// Most sensor values have few decimal places. For these, one division tells
// whether v is the double nearest to a decimal of at most 15 digits; no two such
// decimals have the same double, so it is the shortest.
const (
	decimalPlaces   = 7
	decimalScale    = 1e7
	maxDecimalValue = 1e8
)

// appendDecimal appends n/decimalScale without trailing zeros.
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

// encodeJSON returns a value as JSON. Unlike json.Marshal it leaves <, > and & as they
// are: no response is HTML.
func encodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	text, _ := json.Marshal(s) // strings can't fail
	return append(dst, text...)
}

// appendCSV appends a field (RFC 4180, section 2). Text that a spreadsheet would take
// for a formula gets an apostrophe in front, which spreadsheets hide.
func appendCSV(dst []byte, s string) []byte {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			s = "'" + s
		}
	}
	if !strings.ContainsAny(s, "\",;\t\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}
