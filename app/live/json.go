package live

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// appendString writes a JSON string.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, _ := json.Marshal(s) // strings can't fail
			return append(dst, text...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// appendFloat writes the shortest number that reads back as the same double.
func appendFloat(dst []byte, v float64) []byte {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

// appendReading writes a reading as GET /api/v1/latest does; the unit is left
// out of what changes.
func appendReading(dst []byte, machine, metric string, unit *string, ts int64, value float64) []byte {
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
	dst = append(dst, `,"value":`...)
	dst = appendFloat(dst, value)
	return append(dst, '}')
}
