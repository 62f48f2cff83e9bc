package shift

import (
	"fmt"
	"strconv"
	"time"

	"smart-factory-backend/app/factory"
)

// Locate returns the place of a machine, false if it is unknown.
type Locate func(machine string) (factory.Placement, bool)

// CheckShift checks that no instance of a shift of p has time in common with another
// instance of a machine. Its error wraps factory.ErrConflict and names the other
// shift.
func (p Plan) CheckShift(id string, locate Locate) error {
	own := p.versionsOf(id)
	for _, other := range p.Shifts {
		for i := range other.versions {
			v := &other.versions[i]
			for _, o := range own {
				if o == v || !scopesOverlap(o.scope, v.scope, locate) {
					continue
				}
				if day, ok := overlap(o, v); ok {
					return overlapError(id, other.ID, day)
				}
			}
		}
	}
	for _, c := range p.Calendars {
		for i := range c.entries {
			if err := p.checkSpecialDay(c, i, id, locate); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckCalendar checks the days of a calendar of p as CheckShift does, and that the
// shifts exist, whose absence is factory.MemberErrors.
func (p Plan) CheckCalendar(id string, locate Locate) error {
	var faults factory.MemberErrors
	for _, c := range p.Calendars {
		if c.ID != id {
			continue
		}
		for i, entry := range c.entries {
			for n, shift := range entry.Shifts {
				if p.versionsOf(shift) == nil {
					faults.Add("/days/"+strconv.Itoa(i)+"/shifts/"+strconv.Itoa(n), "is not the id of a shift")
				}
			}
			if err := p.checkSpecialDay(c, i, "", locate); err != nil && len(faults) == 0 {
				return err
			}
		}
	}
	return faults.Err()
}

func overlapError(id, other string, day int64) error {
	on := formatDay(day)
	if 0 <= day && day < 8 { // shifts without limits of validity are compared from 1970 on
		on = time.Unix(day*secondsPerDay, 0).UTC().Weekday().String() + "s"
	}
	return fmt.Errorf("shift %q overlaps shift %q on %s: %w", id, other, on, factory.ErrConflict)
}

func (p Plan) versionsOf(id string) []*version {
	for _, s := range p.Shifts {
		if s.ID != id {
			continue
		}
		list := make([]*version, len(s.versions))
		for i := range s.versions {
			list[i] = &s.versions[i]
		}
		return list
	}
	return nil
}

// checkSpecialDay compares the shifts that a calendar lists for a day with those of
// the days around it. An id restricts it to pairs with that shift.
func (p Plan) checkSpecialDay(c Calendar, index int, id string, locate Locate) error {
	day, _ := parseDay(c.entries[index].Date)
	for _, listed := range c.entries[index].Shifts {
		for _, v := range p.versionsOf(listed) {
			if !v.valid(day) || !scopesOverlap(v.scope, c.scope, locate) {
				continue
			}
			a := entry{id: listed, version: v, special: c.days}
			scope := v.scope.Intersect(c.scope)
			for _, other := range p.Shifts {
				if id != "" && id != listed && id != other.ID {
					continue
				}
				for i := range other.versions {
					b := entry{id: other.ID, version: &other.versions[i], special: c.days}
					if b.version != v && scopesOverlap(scope, b.version.scope, locate) && overlapOn(day, a, b) {
						if id == other.ID {
							return overlapError(id, listed, day)
						}
						return overlapError(listed, other.ID, day)
					}
				}
			}
		}
	}
	return nil
}

// scopesOverlap reports whether a machine can exist that both scopes select. The
// place of a machine that one of them names is known.
func scopesOverlap(a, b factory.Scope, locate Locate) bool {
	if !a.Overlaps(b) {
		return false
	}
	machine := a.Intersect(b).Machine
	if machine == "" {
		return true
	}
	at, known := locate(machine)
	scope := factory.ScopeOf(machine, at)
	return !known || a.Covers(scope) && b.Covers(scope)
}

// neighbors is how many days apart two shifts with a common instant may begin.
const neighbors = 3

// overlapOn reports whether a, which begins on a day, has time in common with b.
func overlapOn(day int64, a, b entry) bool {
	clockA, clockB := clock{zone: a.version.zone}, clock{zone: b.version.zone}
	from, to := a.version.span(day, &clockA)
	for d := day - neighbors; d <= day+neighbors; d++ {
		if b.begins(d) {
			if start, end := b.version.span(d, &clockB); max(from, start) < min(to, end) {
				return true
			}
		}
	}
	return false
}

// overlap finds a day on which a begins and has time in common with b. Shifts
// without limits of validity are compared from 1970 to 2068.
func overlap(a, b *version) (day int64, ok bool) {
	first := max(a.from, b.from-neighbors, 0)
	last := min(a.until, b.until+neighbors, max(first, dayOf(2040, 1, 1))+28*366)
	if a.zone.String() == b.zone.String() && !wallsOverlap(a, b) {
		return 0, false
	}
	clockA, clockB := &clock{zone: a.zone}, &clock{zone: b.zone}
	ea, eb := entry{version: a}, entry{version: b}
	for day := first; day <= last; day++ {
		// Between changes of the clocks, one week is like any other.
		if day-first > 14 && !changesNear(clockA, day) && !changesNear(clockB, day) {
			continue
		}
		if ea.begins(day) && overlapOn(day, ea, eb) {
			return day, true
		}
	}
	return 0, false
}

// changesNear reports whether the clock changes up to two weeks before or a few days
// after a day.
func changesNear(c *clock, day int64) bool {
	c.seek(day * secondsPerDay)
	return c.from > (day-14)*secondsPerDay || c.until < (day+neighbors+2)*secondsPerDay
}

// wallsOverlap reports whether two shifts of one zone have wall times in common.
func wallsOverlap(a, b *version) bool {
	const week = 7 * minutesPerDay
	for x, inA := range a.weekdays {
		for y, inB := range b.weekdays {
			if !inA || !inB {
				continue
			}
			// How long after a shift of a the next one of b begins.
			gap := ((y-x)*minutesPerDay + b.start - a.start + 2*week) % week
			if gap < a.length || week-gap < b.length {
				return true
			}
		}
	}
	return false
}
