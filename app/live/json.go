package live

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, _ := json.Marshal(s) // never fails for a string
			return append(dst, text...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendFloat appends the shortest number that parses to the same float64.
func appendFloat(dst []byte, v float64) []byte {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

// appendReading appends a reading in the form of GET /api/v1/latest. A nil unit is
// omitted.
func appendReading(dst []byte, machine, metric string, unit *string, ts int64, v value) []byte {
	dst = append(dst, `{"machine":`...)
	dst = appendString(dst, machine)
	dst = append(dst, `,"metric":`...)
	dst = appendString(dst, metric)
	if unit != nil {
		dst = append(dst, `,"unit":`...)
		dst = appendString(dst, *unit)
	}
	dst = append(dst, `,"ts":`...)
	dst = strconv.AppendInt(dst, ts, 10)
	if v.isText {
		dst = append(dst, `,"text":`...)
		dst = appendString(dst, v.text)
	} else {
		dst = append(dst, `,"value":`...)
		dst = appendFloat(dst, v.number)
	}
	return append(dst, '}')
}
