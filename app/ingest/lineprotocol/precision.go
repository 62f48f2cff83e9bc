package lineprotocol

import (
	"cmp"
	"math"
	"slices"
)

// Precision is the unit of a timestamp.
type Precision uint8

// The units of InfluxDB's write API.
const (
	// Nanosecond is the default.
	Nanosecond Precision = iota
	// Microsecond is "us".
	Microsecond
	// Millisecond is "ms".
	Millisecond
	// Second is "s".
	Second
)

// ParsePrecision returns the precision with the given name in the write API; "" is
// Nanosecond. ok is false for an unknown name.
func ParsePrecision(name string) (p Precision, ok bool) {
	i := slices.Index([]string{"ns", "us", "ms", "s"}, cmp.Or(name, "ns"))
	return Precision(max(i, 0)), i >= 0
}

// Millis converts a timestamp of this precision to milliseconds, rounded down. It
// returns the nearest int64 if the result overflows.
func (p Precision) Millis(timestamp int64) int64 {
	switch p {
	case Nanosecond:
		return floorDiv(timestamp, 1_000_000)
	case Microsecond:
		return floorDiv(timestamp, 1_000)
	case Second:
		switch {
		case timestamp > math.MaxInt64/1000:
			return math.MaxInt64
		case timestamp < math.MinInt64/1000:
			return math.MinInt64
		}
		return timestamp * 1000
	}
	return timestamp
}

func floorDiv(n, unit int64) int64 {
	q := n / unit
	if n%unit < 0 {
		q--
	}
	return q
}
