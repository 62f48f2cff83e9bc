package shift

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"
)

// Limits of a shift document.
const (
	// MaxBreaks is the maximum number of breaks.
	MaxBreaks = 24
	// MaxVersions is the maximum number of earlier versions.
	MaxVersions = 100
)

// document is the JSON of a shift.
type document struct {
	body
	// Earlier are the earlier versions, which only the server writes; see Change.
	Earlier []body `json:"earlier,omitempty"`
}

// body is one version of a shift in JSON.
type body struct {
	Name       string        `json:"name,omitempty"`
	Scope      factory.Scope `json:"scope"`
	Zone       string        `json:"tz"`
	Days       []string      `json:"days"`
	Start      string        `json:"start"`
	End        string        `json:"end"`
	Breaks     []bodyBreak   `json:"breaks,omitempty"`
	ValidFrom  string        `json:"valid_from,omitempty"`
	ValidUntil string        `json:"valid_until,omitempty"`
}

type bodyBreak struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// weekdays are the names of days in documents, Monday first.
var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// Shift is a parsed shift document.
type Shift struct {
	// ID is the id of the document.
	ID string
	// Name is the display name, "" if there is none.
	Name string
	// versions are the current version and the earlier ones. At most one of them
	// is valid on a day.
	versions []version
}

// Parse decodes and validates a shift document. It accepts earlier versions only if
// they are valid. Its error is factory.MemberErrors, or wraps factory.ErrInvalid.
func Parse(id string, data []byte) (Shift, error) {
	d, s, err := parse(id, data)
	if err != nil {
		return s, err
	}
	var faults factory.MemberErrors
	for i, b := range d.Earlier {
		v, err := b.parse()
		faults.AddError("/earlier/"+strconv.Itoa(i), err)
		s.versions = append(s.versions, v)
	}
	return s, faults.Err()
}

// parse decodes a document and validates its current version.
func parse(id string, data []byte) (document, Shift, error) {
	var d document
	if err := factory.DecodeDocument(data, &d); err != nil {
		return d, Shift{}, err
	}
	v, err := d.parse()
	return d, Shift{ID: id, Name: d.Name, versions: []version{v}}, err
}

// parse validates a version.
func (b body) parse() (version, error) {
	var faults factory.MemberErrors
	var v version
	if b.Name != "" {
		faults.AddError("/name", factory.ValidateName("display", b.Name))
	}
	faults.AddError("/scope", b.Scope.Validate())
	v.scope = b.Scope
	if b.Zone == "" {
		faults.Add("/tz", "is missing")
	} else {
		loc, err := factory.LoadZone(b.Zone)
		faults.AddError("/tz", err)
		v.zone = loc
	}
	v.weekdays = b.parseDays(&faults)
	b.parseTimes(&v, &faults)
	b.parseValidity(&v, &faults)
	return v, faults.Err()
}

func (b body) parseDays(faults *factory.MemberErrors) (set [7]bool) {
	if b.Days == nil {
		faults.Add("/days", "is missing")
	}
	for i, name := range b.Days {
		at := slices.Index(weekdays, name)
		switch {
		case at < 0:
			faults.Add("/days/"+strconv.Itoa(i), "must be one of "+strings.Join(weekdays, ", "))
		case set[at]:
			faults.Add("/days/"+strconv.Itoa(i), "appears more than once")
		default:
			set[at] = true
		}
	}
	return set
}

const minutesPerDay = 24 * 60

// parseTimes sets the start, the length and the breaks of v.
func (b body) parseTimes(v *version, faults *factory.MemberErrors) {
	before := len(*faults)
	v.start = parseTime("/start", b.Start, false, faults)
	v.length = after(v.start, parseTime("/end", b.End, true, faults))
	if len(b.Breaks) > MaxBreaks {
		faults.Add("/breaks", fmt.Sprintf("has %d breaks, more than %d", len(b.Breaks), MaxBreaks))
		return
	}
	timesValid := len(*faults) == before
	pointers := map[pause]string{}
	for i, p := range b.Breaks {
		pointer := "/breaks/" + strconv.Itoa(i)
		before := len(*faults)
		start := parseTime(pointer+"/start", p.Start, false, faults)
		end := parseTime(pointer+"/end", p.End, true, faults)
		if len(*faults) > before || !timesValid {
			continue
		}
		own := pause{from: (start - v.start + minutesPerDay) % minutesPerDay, to: after(v.start, end)}
		if start == end%minutesPerDay || own.from >= own.to || own.to > v.length {
			faults.Add(pointer, "must lie within the shift and end after it starts")
			continue
		}
		for _, other := range v.breaks {
			if own.from < other.to && other.from < own.to {
				faults.Add(pointer, "overlaps the break at "+pointers[other])
			}
		}
		pointers[own] = pointer
		v.breaks = append(v.breaks, own)
	}
	slices.SortFunc(v.breaks, func(a, b pause) int { return a.from - b.from })
}

// after returns the minutes from start until the clock shows end, at least 1.
func after(start, end int) int {
	return (end-start-1+2*minutesPerDay)%minutesPerDay + 1
}

// parseTime parses HH:MM as minutes of the day. An end may be 24:00.
func parseTime(pointer, text string, end bool, faults *factory.MemberErrors) int {
	if text == "" {
		faults.Add(pointer, "is missing")
		return 0
	}
	digit := func(i int) int { return int(text[i]) - '0' }
	if len(text) == len("HH:MM") && text[2] == ':' {
		valid := true
		for _, i := range []int{0, 1, 3, 4} {
			valid = valid && digit(i) >= 0 && digit(i) <= 9
		}
		hour, minute := 10*digit(0)+digit(1), 10*digit(3)+digit(4)
		if valid && minute < 60 && (hour < 24 || end && hour == 24 && minute == 0) {
			return 60*hour + minute
		}
	}
	faults.Add(pointer, "must be a time of day from 00:00 to 23:59")
	return 0
}

func (b body) parseValidity(v *version, faults *factory.MemberErrors) {
	v.from, v.until = minDay, maxDay
	read := func(pointer, text string, day *int64) {
		if text == "" {
			return
		}
		parsed, ok := parseDay(text)
		if !ok {
			faults.Add(pointer, "must be a date such as 2024-12-31")
			return
		}
		*day = parsed
	}
	read("/valid_from", b.ValidFrom, &v.from)
	read("/valid_until", b.ValidUntil, &v.until)
	if v.from > v.until {
		faults.Add("/valid_until", "is before valid_from")
	}
}
