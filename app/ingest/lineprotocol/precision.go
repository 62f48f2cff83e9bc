package lineprotocol

import (
	"math"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
)

// Precision is the unit of a timestamp.
type Precision uint8

// The units of InfluxDB's write APIs.
const (
	// Nanosecond is the default.
	Nanosecond Precision = iota
	// Microsecond is "us".
	Microsecond
	// Millisecond is "ms".
	Millisecond
	// Second is "s".
	Second
	// Minute is "m", of the v1 API only.
	Minute
	// Hour is "h", of the v1 API only.
	Hour
)

// ParsePrecision returns the precision with the given name in the v2 write API; "" is
// Nanosecond. ok is false for an unknown name.
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

// ParsePrecisionV1 returns the precision with the given name in the v1 write API, which
// has short names and longer units, too.
func ParsePrecisionV1(name string) (p Precision, ok bool) {
	switch name {
	case "n":
		return Nanosecond, true
	case "u", "µ":
		return Microsecond, true
	case "m":
		return Minute, true
	case "h":
		return Hour, true
	}
	return ParsePrecision(name)
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
		return multiply(timestamp, 1000)
	case Minute:
		return multiply(timestamp, 60_000)
	case Hour:
		return multiply(timestamp, 3_600_000)
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

func multiply(n, unit int64) int64 {
	switch {
	case n > math.MaxInt64/unit:
		return math.MaxInt64
	case n < math.MinInt64/unit:
		return math.MinInt64
	}
	return n * unit
}

// explainUnit returns why a timestamp of this precision is no time that a reading may
// have: almost always its unit is another one, which the result names. It returns ""
// if no unit makes it a time from 1971 to now.
func (p Precision) explainUnit(timestamp, now int64) string {
	for _, unit := range []struct {
		Precision
		name, plural string
	}{{Second, "s", "seconds"}, {Millisecond, "ms", "milliseconds"}, {Microsecond, "us", "microseconds"}, {Nanosecond, "ns", "nanoseconds"}} {
		ms := unit.Millis(timestamp)
		if unit.Precision != p && ms >= factory.MinObservedAt && ms-factory.MaxAhead <= now {
			return "timestamp " + strconv.FormatInt(timestamp, 10) + " would be " + p.describe(timestamp) + "; it looks like " + unit.plural + ": write with precision=" + unit.name
		}
	}
	return ""
}

// describe returns the time of a timestamp for a message.
func (p Precision) describe(timestamp int64) string {
	const lastYear = 253402300799999 // the end of the year 9999
	ms := p.Millis(timestamp)
	if ms > lastYear {
		return "after the year 9999"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}
