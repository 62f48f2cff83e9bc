package lineprotocol

import "math"

// Precision is the unit of a timestamp.
type Precision uint8

// The units that InfluxDB's write API knows.
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

// ParsePrecision returns the precision that the write API calls by name; "" is
// Nanosecond.
func ParsePrecision(name string) (p Precision, ok bool) {
	switch name {
	case "", "ns":
		return Nanosecond, true
	case "us":
		return Microsecond, true
	case "ms":
		return Millisecond, true
	case "s":
		return Second, true
	}
	return 0, false
}

// Millis returns a timestamp of this precision in milliseconds, rounded down.
// Beyond 64 bits it is the last time that there is.
func (p Precision) Millis(timestamp int64) int64 {
	switch p {
	case Nanosecond:
		return floor(timestamp, 1_000_000)
	case Microsecond:
		return floor(timestamp, 1_000)
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

func floor(n, unit int64) int64 {
	q := n / unit
	if n%unit < 0 {
		q--
	}
	return q
}
