package factory

import (
	"fmt"
	"math"
	"time"
)

// Calendar is a unit of time whose length the calendar decides.
type Calendar int

// Units of the calendar.
const (
	// Fixed is no calendar unit: the interval has the same length always.
	Fixed Calendar = iota
	// Hour begins with each hour of the local clock.
	Hour
	// Day is from the first to the last moment of a local date: 23 or 25 hours
	// where the clock is put forward or back.
	Day
	// Week begins on Monday (ISO 8601).
	Week
	// Month is a month of the Gregorian calendar.
	Month
)

// Interval is the length of buckets: a fixed one, aligned at the Unix epoch,
// or a unit of the calendar.
type Interval struct {
	// Millis is the length where Calendar is Fixed, at least 1.
	Millis   int64
	Calendar Calendar
}

// MaxIntervalMillis is the longest fixed interval: 100 years.
const MaxIntervalMillis = 100 * 366 * 24 * 3600 * 1000

// Every is the fixed interval of length d, which is of whole milliseconds.
func Every(d time.Duration) Interval { return Interval{Millis: d.Milliseconds()} }

// ParseInterval reads an interval: hour, day (1d), week (1w), month (1mo), or
// a fixed length as time.ParseDuration has it, of whole milliseconds, such as
// 500ms, 10s, 5m, 1h. The error wraps ErrInvalid.
func ParseInterval(text string) (Interval, error) {
	switch text {
	case "hour":
		return Interval{Calendar: Hour}, nil
	case "day", "1d":
		return Interval{Calendar: Day}, nil
	case "week", "1w":
		return Interval{Calendar: Week}, nil
	case "month", "1mo":
		return Interval{Calendar: Month}, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Millisecond || d%time.Millisecond != 0 {
		return Interval{}, fmt.Errorf("interval %q is neither hour, day, week, month nor a length such as 10s, 5m, 1h: %w", text, ErrInvalid)
	}
	return Every(d), nil
}

// Validate checks that i can be used. The error wraps ErrInvalid.
func (i Interval) Validate() error {
	switch {
	case i.Calendar < Fixed || i.Calendar > Month:
		return fmt.Errorf("calendar unit %d is unknown: %w", i.Calendar, ErrInvalid)
	case i.Calendar == Fixed && (i.Millis < 1 || i.Millis > MaxIntervalMillis):
		return fmt.Errorf("interval of %d ms is not between 1 ms and 100 years: %w", i.Millis, ErrInvalid)
	}
	return nil
}

// calendarEdge is how far from the epoch the calendar is still reckoned with,
// in milliseconds, some 270 000 years; times beyond share one bucket a side.
const calendarEdge = int64(1) << 53

// Bounds returns the bucket that the time at is in, from start (inclusive) to
// end (exclusive), in Unix milliseconds. loc is the zone of calendar units;
// nil is UTC. i must be valid.
func (i Interval) Bounds(at int64, loc *time.Location) (start, end int64) {
	if i.Calendar == Fixed {
		return i.fixedBounds(at)
	}
	switch {
	case at < -calendarEdge:
		return math.MinInt64, -calendarEdge
	case at >= calendarEdge:
		return calendarEdge, math.MaxInt64
	}
	if loc == nil {
		loc = time.UTC
	}
	t := time.UnixMilli(at).In(loc)
	year, month, day := t.Date()
	switch i.Calendar {
	case Hour:
		start, end = hourBounds(t, at)
	case Week:
		day -= (int(t.Weekday()) + 6) % 7
		start, end = startOfDay(year, month, day, loc), startOfDay(year, month, day+7, loc)
	case Month:
		start, end = startOfDay(year, month, 1, loc), startOfDay(year, month+1, 1, loc)
	default:
		start, end = startOfDay(year, month, day, loc), startOfDay(year, month, day+1, loc)
	}
	return max(start, -calendarEdge), min(end, calendarEdge)
}

// fixedBounds is Bounds for a fixed length. The buckets at the ends of time
// are cut there.
func (i Interval) fixedBounds(at int64) (start, end int64) {
	into := at % i.Millis
	if into < 0 {
		into += i.Millis
	}
	start, end = at-into, at-into+i.Millis
	if start > at {
		start = math.MinInt64
	}
	if end < at {
		end = math.MaxInt64
	}
	return start, end
}

// hourBounds is Bounds for an hour of the local clock. Where the offset
// changes within one, each side is a bucket.
func hourBounds(t time.Time, at int64) (start, end int64) {
	into := int64(t.Minute())*60_000 + int64(t.Second())*1000 + int64(t.Nanosecond())/1e6
	start, end = at-into, at-into+3_600_000
	from, to := t.ZoneBounds()
	if !from.IsZero() {
		start = max(start, from.UnixMilli())
	}
	if !to.IsZero() {
		end = min(end, to.UnixMilli())
	}
	return start, end
}

// startOfDay is the first moment of a local date. Midnight may come twice
// there, or not at all; time.Date does not say which one it gives.
func startOfDay(year int, month time.Month, day int, loc *time.Location) int64 {
	noon := time.Date(year, month, day, 12, 0, 0, 0, loc)
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
	_, offset := noon.Zone()
	here := midnight - int64(offset)
	from, _ := noon.ZoneBounds()
	if from.IsZero() {
		return here * 1000
	}
	change := from.Unix()
	_, before := from.Add(-time.Nanosecond).Zone()
	if there := midnight - int64(before); there < change {
		return there * 1000 // midnight as the clock had it before the change
	}
	return max(here, change) * 1000
}
