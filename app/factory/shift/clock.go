package shift

import (
	"math"
	"time"
)

// A wall time is a number of seconds that the clock on the wall shows, counted from
// 1970-01-01 00:00 on that clock. A day is the number of a date, counted from
// 1970-01-01.

const secondsPerDay = 24 * 60 * 60

// dayOf returns the day of a date.
func dayOf(year int, month time.Month, date int) int64 {
	return time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay
}

// parseDay parses a date in the format YYYY-MM-DD.
func parseDay(text string) (day int64, ok bool) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, false
	}
	return dayOf(t.Date()), true
}

// formatDay is the reverse of parseDay.
func formatDay(day int64) string {
	return time.Unix(day*secondsPerDay, 0).UTC().Format(time.DateOnly)
}

// weekday returns the day of the week, 0 for Monday.
func weekday(day int64) int { return int(((day+3)%7 + 7) % 7) }

// clock converts wall times of a zone to instants. It remembers the offset of the
// last conversion, because most are near each other. It is not safe for concurrent
// use.
type clock struct {
	zone *time.Location
	// From from to until (exclusive), in Unix seconds, the clock is ahead of UTC by
	// offset seconds. until is 0 before the first conversion.
	from, until, offset int64
}

// instant returns the first instant, in Unix seconds, at which the clock shows wall
// or more. It is thus the first of two instants that show wall, and the instant at
// which the clock goes on if none does. A later wall time never has an earlier
// instant.
func (c *clock) instant(wall int64) int64 {
	// No clock was ever set by more than a day, and none is more than a day off.
	for at := wall - 3*secondsPerDay; ; at = c.until {
		c.seek(at)
		if t := max(at, wall-c.offset); t < c.until {
			return t
		}
	}
}

// seek finds the offset of an instant.
func (c *clock) seek(at int64) {
	if c.from <= at && at < c.until {
		return
	}
	t := time.Unix(at, 0).In(c.zone)
	_, offset := t.Zone()
	from, until := t.ZoneBounds()
	c.offset, c.from, c.until = int64(offset), math.MinInt64, math.MaxInt64
	if !from.IsZero() {
		c.from = from.Unix()
	}
	if !until.IsZero() {
		c.until = until.Unix()
	}
	// Beyond the last tabulated year, ZoneBounds ends a period before the last day of a
	// leap year, on which no clock changes.
	c.from, c.until = min(c.from, at), max(c.until, at+3600)
}

// wallAt returns the wall time at an instant in Unix seconds.
func (c *clock) wallAt(at int64) int64 {
	c.seek(at)
	return at + c.offset
}

// floorDiv returns a/b, rounded down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
