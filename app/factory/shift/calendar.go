package shift

import (
	"fmt"
	"slices"
	"strconv"

	"smart-factory-backend/app/factory"
)

// Limits of a calendar document.
const (
	// MaxCalendarDays is the maximum number of days.
	MaxCalendarDays = 1000
	// MaxDayShifts is the maximum number of shifts on a special day.
	MaxDayShifts = 24
)

// calendarDocument is the JSON of a calendar.
type calendarDocument struct {
	Name  string        `json:"name"`
	Scope factory.Scope `json:"scope"`
	Days  []calendarDay `json:"days"`
}

type calendarDay struct {
	Date   string   `json:"date"`
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	Shifts []string `json:"shifts"`
}

// dayOff is the kind of a day on which no shift begins.
const dayOff = "off"

// Calendar is a parsed calendar document: days on which other shifts than those of
// the weekday begin, or none.
type Calendar struct {
	// ID is the id of the document.
	ID string
	// Name is the display name, "" if there is none.
	Name  string
	scope factory.Scope
	// days maps days to the shifts that begin, none on a day off.
	days map[int64][]string
	// entries are the days as the document lists them.
	entries []calendarDay
}

// ParseCalendar decodes and validates a calendar document. Its error is
// factory.MemberErrors, or wraps factory.ErrInvalid.
func ParseCalendar(id string, data []byte) (Calendar, error) {
	var d calendarDocument
	if err := factory.DecodeDocument(data, &d); err != nil {
		return Calendar{}, err
	}
	var faults factory.MemberErrors
	c := Calendar{ID: id, Name: d.Name, scope: d.Scope, days: map[int64][]string{}, entries: d.Days}
	if d.Name != "" {
		faults.AddError("/name", factory.ValidateName("display", d.Name))
	}
	faults.AddError("/scope", d.Scope.Validate())
	switch {
	case d.Days == nil:
		faults.Add("/days", "is missing")
	case len(d.Days) > MaxCalendarDays:
		faults.Add("/days", fmt.Sprintf("has %d days, more than %d", len(d.Days), MaxCalendarDays))
		return c, faults
	}
	for i, entry := range d.Days {
		pointer := "/days/" + strconv.Itoa(i)
		day, ok := parseDay(entry.Date)
		if !ok {
			faults.Add(pointer+"/date", "must be a date such as 2024-12-31")
		} else if _, repeated := c.days[day]; repeated {
			faults.Add(pointer+"/date", "appears more than once")
		}
		c.days[day] = entry.Shifts
		entry.validate(pointer, &faults)
	}
	return c, faults.Err()
}

// validate checks all of a day but the date.
func (d calendarDay) validate(pointer string, faults *factory.MemberErrors) {
	if d.Name != "" {
		faults.AddError(pointer+"/name", factory.ValidateName("display", d.Name))
	}
	switch {
	case d.Kind != "" && d.Kind != dayOff:
		faults.Add(pointer+"/kind", "must be "+dayOff)
	case d.Kind == "" && d.Shifts == nil:
		faults.Add(pointer, "must have the kind "+dayOff+" or shifts")
	case d.Kind != "" && d.Shifts != nil:
		faults.Add(pointer+"/shifts", "must not be given for a day "+dayOff)
	}
	if len(d.Shifts) > MaxDayShifts {
		faults.Add(pointer+"/shifts", fmt.Sprintf("has %d shifts, more than %d", len(d.Shifts), MaxDayShifts))
		return
	}
	for i, id := range d.Shifts {
		at := pointer + "/shifts/" + strconv.Itoa(i)
		faults.AddError(at, factory.ValidateName("shift", id))
		if slices.Contains(d.Shifts[:i], id) {
			faults.Add(at, "appears more than once")
		}
	}
}

// specialDays returns the days of the calendars that cover a scope, with the shifts
// that begin on them. The calendar with the narrowest scope decides. Among several,
// a day off prevails; otherwise the shifts of all of them begin.
func specialDays(calendars []Calendar, of factory.Scope) map[int64][]string {
	depth := map[int64]int{}
	days := map[int64][]string{}
	for _, c := range calendars {
		if !c.scope.Covers(of) {
			continue
		}
		own := c.scope.Depth()
		for day, shifts := range c.days {
			before, known := days[day]
			switch {
			case !known || own > depth[day]:
				days[day], depth[day] = shifts, own
			case own < depth[day] || len(before) == 0:
			case len(shifts) == 0:
				days[day] = nil
			default:
				days[day] = slices.Concat(before, shifts)
			}
		}
	}
	return days
}
