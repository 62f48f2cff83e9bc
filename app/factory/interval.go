package factory

import (
	"fmt"
	"math"
	"time"
)

// Calendar is a calendar unit, whose length varies.
type Calendar int

// Calendar units.
const (
	// Fixed means no calendar unit: the interval has a constant length.
	Fixed Calendar = iota
	// Hour starts at each full hour of the local clock.
	Hour
	// Day is a local date: 23 or 25 hours long when daylight saving time starts or
	// ends.
	Day
	// Week starts on Monday (ISO 8601).
	Week
	// Month is a month of the Gregorian calendar.
	Month
)

// Interval is the length of buckets: a constant length aligned to the Unix epoch,
// or a calendar unit.
type Interval struct {
	// Millis is the length if Calendar is Fixed, at least 1.
	Millis   int64
	Calendar Calendar
}

// MaxIntervalMillis is the longest fixed interval: 100 years.
const MaxIntervalMillis = 100 * 366 * 24 * 3600 * 1000

// Every returns the fixed interval of length d, a whole number of milliseconds.
func Every(d time.Duration) Interval { return Interval{Millis: d.Milliseconds()} }

// ParseInterval parses "hour", "day" or "1d", "week" or "1w", "month" or "1mo", or a
// fixed length in whole milliseconds in the format of time.ParseDuration, such as
// "500ms", "10s" or "1h". Its error wraps ErrInvalid.
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

// Validate reports whether i can be used. Its error wraps ErrInvalid.
func (i Interval) Validate() error {
	switch {
	case i.Calendar < Fixed || i.Calendar > Month:
		return fmt.Errorf("calendar unit %d is unknown: %w", i.Calendar, ErrInvalid)
	case i.Calendar == Fixed && (i.Millis < 1 || i.Millis > MaxIntervalMillis):
		return fmt.Errorf("interval of %d ms is not between 1 ms and 100 years: %w", i.Millis, ErrInvalid)
	}
	return nil
}

// calendarEdge is the distance from the epoch in milliseconds, about 270 000 years,
// up to which calendar units are computed. Times beyond it share one bucket on
// either side.
const calendarEdge = int64(1) << 53

// Bounds returns the start (inclusive) and the end (exclusive) of the bucket that
// contains at, all in Unix milliseconds. loc is the time zone of calendar units;
// nil means UTC. i must be valid.
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

// fixedBounds is Bounds for a fixed length. The first and the last bucket end at the
// limits of int64.
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

// hourBounds is Bounds for an hour of the local clock. If the UTC offset changes
// within the hour, each part is a bucket.
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

// startOfDay returns the first instant of a local date. Midnight may occur twice or
// not at all, and time.Date does not specify which instant it returns then.
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
		return there * 1000 // midnight by the offset before the change
	}
	return max(here, change) * 1000
}
