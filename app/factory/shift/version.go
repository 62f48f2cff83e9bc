package shift

import (
	"math"
	"time"

	"smart-factory-backend/app/factory"
)

// version is a shift as it is valid during a range of days.
type version struct {
	scope    factory.Scope
	zone     *time.Location
	weekdays [7]bool
	// start is in minutes of the day, length in minutes on the wall clock.
	start, length int
	// breaks are in order and do not overlap.
	breaks []pause
	// from and until are the first and the last day on which the shift may begin.
	from, until int64
}

// pause is a break in minutes on the wall clock after the start of the shift.
type pause struct{ from, to int }

// minDay and maxDay limit the validity of a shift that has no limits. They leave
// room for arithmetic.
const (
	minDay = math.MinInt32
	maxDay = math.MaxInt32
)

// valid reports whether v may begin on a day.
func (v *version) valid(day int64) bool { return v.from <= day && day <= v.until }

// span returns the instants at which v begins and ends on a day, in Unix seconds.
// It is empty if the clock skips all of the shift.
func (v *version) span(day int64, c *clock) (from, to int64) {
	wall := day*secondsPerDay + int64(v.start)*60
	return c.instant(wall), c.instant(wall + int64(v.length)*60)
}

// instance returns v on a day. It is empty if the clock skips all of the shift.
func (v *version) instance(id string, day int64, c *clock) Instance {
	from, to := v.span(day, c)
	i := Instance{Shift: id, Day: formatDay(day), From: from * 1000, To: to * 1000}
	if len(v.breaks) > 0 {
		i.Breaks = make([]factory.Span, len(v.breaks))
		wall := day*secondsPerDay + int64(v.start)*60
		for n, b := range v.breaks {
			i.Breaks[n] = factory.Span{From: c.instant(wall+int64(b.from)*60) * 1000, To: c.instant(wall+int64(b.to)*60) * 1000}
		}
	}
	return i
}
