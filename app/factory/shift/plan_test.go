package shift_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"
)

func collect(s shift.Shift, span factory.Span) []shift.Instance {
	return slices.Collect(shift.Plan{Shifts: []shift.Shift{s}}.Select(factory.Scope{}).Instances(span))
}

func mustParse(t testing.TB, id string, data []byte) shift.Shift {
	t.Helper()
	s, err := shift.Parse(id, data)
	if err != nil {
		t.Fatalf("Parse(%s) = %v", data, err)
	}
	return s
}

func mustParseCalendar(t testing.TB, id, data string) shift.Calendar {
	t.Helper()
	c, err := shift.ParseCalendar(id, []byte(data))
	if err != nil {
		t.Fatalf("ParseCalendar(%s) = %v", data, err)
	}
	return c
}

// between returns the span of two times in RFC 3339.
func between(t testing.TB, from, to string) factory.Span {
	t.Helper()
	var ms [2]int64
	for i, text := range []string{from, to} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		ms[i] = at.UnixMilli()
	}
	return factory.Span{From: ms[0], To: ms[1]}
}

func TestClockChanges(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		zone, day, start, end, breaks string
		want                          string // minutes of the shift and of its breaks
	}{
		"a night in spring has an hour less":           {"Europe/Berlin", "2024-03-30", "22:00", "06:00", "", "420"},
		"a night in autumn has an hour more":           {"Europe/Berlin", "2024-10-26", "22:00", "06:00", "", "540"},
		"it ends in the missing hour":                  {"Europe/Berlin", "2024-03-30", "22:00", "02:30", "", "240"},
		"it begins in the missing hour":                {"Europe/Berlin", "2024-03-31", "02:30", "06:00", "", "180"},
		"a break in the missing hour is empty":         {"Europe/Berlin", "2024-03-30", "22:00", "06:00", "02:15-02:45", "420 0"},
		"a break ends in the missing hour":             {"Europe/Berlin", "2024-03-30", "22:00", "06:00", "01:45-02:45", "420 15"},
		"a break begins in the missing hour":           {"Europe/Berlin", "2024-03-30", "22:00", "06:00", "02:30-03:10", "420 10"},
		"it ends at the first of two":                  {"Europe/Berlin", "2024-10-26", "22:00", "02:30", "", "270"},
		"it begins at the first of two":                {"Europe/Berlin", "2024-10-27", "02:30", "06:00", "", "270"},
		"a break in the repeated hour":                 {"Europe/Berlin", "2024-10-26", "22:00", "06:00", "02:15-02:45", "540 30"},
		"a break leaves the repeated hour":             {"Europe/Berlin", "2024-10-26", "22:00", "06:00", "02:30-03:00", "540 90"},
		"half an hour less":                            {"Australia/Lord_Howe", "2024-10-05", "22:00", "06:00", "02:00-02:30", "450 0"},
		"half an hour more":                            {"Australia/Lord_Howe", "2024-04-06", "22:00", "06:00", "01:30-02:00", "510 60"},
		"no change":                                    {"Asia/Kolkata", "2024-03-30", "22:00", "06:00", "02:00-02:30", "480 30"},
		"New York, from five hours behind to four":     {"America/New_York", "2024-03-09", "18:00", "06:00", "", "660"},
		"a day of 23 hours":                            {"Europe/Berlin", "2024-03-31", "00:00", "24:00", "", "1380"},
		"a day of 25 hours":                            {"Europe/Berlin", "2024-10-27", "00:00", "00:00", "", "1500"},
		"the clock goes on at midnight":                {"America/Sao_Paulo", "2018-11-03", "22:00", "06:00", "00:15-00:45", "420 0"},
		"a skipped day ends at once":                   {"Pacific/Apia", "2011-12-29", "22:00", "06:00", "", "120"},
		"a night of a skipped day begins with the day": {"Pacific/Apia", "2011-12-30", "22:00", "06:00", "", "360"},
		"a skipped day has no shift":                   {"Pacific/Apia", "2011-12-30", "06:00", "14:00", "", ""},
		"the last day of a leap year after 2037":       {"Europe/Berlin", "2040-12-30", "22:00", "06:00", "", "480"},
		"the night to a year after 2037":               {"Australia/Lord_Howe", "2040-12-31", "22:00", "06:00", "", "480"},
		"a shift within the missing hour":              {"Europe/Berlin", "2024-03-31", "02:00", "03:00", "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			breaks := ""
			if from, to, ok := strings.Cut(tt.breaks, "-"); ok {
				breaks = fmt.Sprintf(`{"start":%q,"end":%q}`, from, to)
			}
			s := mustParse(t, "s", fmt.Appendf(nil, `{"tz":%q,"days":["mon","tue","wed","thu","fri","sat","sun"],"start":%q,"end":%q,"breaks":[%s]}`, tt.zone, tt.start, tt.end, breaks))
			got := ""
			if i, ok := (shift.Plan{Shifts: []shift.Shift{s}}).Machine("m", factory.Placement{}).Day("s", tt.day); ok {
				got = fmt.Sprint((i.To - i.From) / 60_000)
				for _, b := range i.Breaks {
					got += fmt.Sprint(" ", (b.To-b.From)/60_000)
				}
			}
			if got != tt.want {
				t.Errorf("minutes = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestScheduleOfAMachine(t *testing.T) {
	t.Parallel()
	days := `"days":["mon","tue","wed","thu","fri"],"tz":"UTC"`
	plan := shift.Plan{
		Shifts: []shift.Shift{
			mustParse(t, "early", []byte(`{"scope":{"site":"s"},`+days+`,"start":"06:00","end":"14:00"}`)),
			mustParse(t, "late", []byte(`{"scope":{"line":"l1"},`+days+`,"start":"14:00","end":"22:00"}`)),
			mustParse(t, "short", []byte(`{"scope":{"site":"s"},"days":[],"tz":"UTC","start":"07:00","end":"12:00"}`)),
			mustParse(t, "extra", []byte(`{"scope":{"machine":"m3"},`+days+`,"start":"22:00","end":"23:00"}`)),
		},
		Calendars: []shift.Calendar{
			mustParseCalendar(t, "site", `{"scope":{"site":"s"},"days":[{"date":"2024-12-25","kind":"off"},{"date":"2024-12-24","shifts":["short"]}]}`),
			mustParseCalendar(t, "line", `{"scope":{"line":"l2"},"days":[{"date":"2024-12-25","shifts":["early"]},{"date":"2024-12-28","shifts":["early"]}]}`),
			mustParseCalendar(t, "other line", `{"scope":{"line":"l2"},"days":[{"date":"2024-12-26","kind":"off"}]}`),
			mustParseCalendar(t, "same line", `{"scope":{"line":"l2"},"days":[{"date":"2024-12-26","shifts":["early"]},{"date":"2024-12-28","shifts":["short"]}]}`),
		},
	}
	week := between(t, "2024-12-23T00:00:00Z", "2024-12-30T00:00:00Z")
	names := func(s shift.Schedule) string {
		var list []string
		for i := range s.Instances(week) {
			list = append(list, i.Day[8:]+i.Shift)
		}
		return strings.Join(list, " ")
	}
	for _, tt := range []struct {
		machine string
		at      factory.Placement
		want    string
	}{
		{"m1", factory.Placement{Site: "s", Line: "l1"}, "23early 23late 24short 26early 26late 27early 27late"},
		{"m2", factory.Placement{Site: "s", Line: "l2"}, "23early 24short 25early 27early 28early 28short"},
		{"m3", factory.Placement{}, "23extra 24extra 25extra 26extra 27extra"},
		{"m4", factory.Placement{}, ""},
	} {
		s := plan.Machine(tt.machine, tt.at)
		if got := names(s); got != tt.want {
			t.Errorf("instances of %s = %s, want %s", tt.machine, got, tt.want)
		}
		if s.Empty() != (tt.want == "") {
			t.Errorf("Empty of %s = %v", tt.machine, s.Empty())
		}
	}
	if got := plan.Machine("m4", factory.Placement{}).Scheduled(week); !slices.Equal(got, []factory.Span{week}) {
		t.Errorf("scheduled time of a machine without a shift = %v, want all of it", got)
	}
	if got, want := names(plan.Select(factory.Scope{Site: "s", Line: "l1"})), "23early 23late 23extra 24short 26early 26late 26extra 27early 27late 27extra"; got != want {
		t.Errorf("instances of a line = %s, want %s", got, want)
	}
}

func TestInstancesAreLazyAndSurviveAnyRange(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "s", document(t, map[string]string{"days": `["mon","tue","wed","thu","fri","sat","sun"]`}))
	schedule := shift.Plan{Shifts: []shift.Shift{s}}.Select(factory.Scope{})
	n := 0
	for range schedule.Instances(factory.Span{From: -1 << 63, To: 1<<63 - 1}) {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("instances of all of time = %d, want more", n)
	}
	for range schedule.Instances(factory.Span{From: 5, To: 5}) {
		t.Error("an empty range has an instance")
	}
	if _, ok := schedule.Day("s", "tomorrow"); ok {
		t.Error("Day(tomorrow) has an instance")
	}
}

func TestOverlapNamesTheOtherShift(t *testing.T) {
	t.Parallel()
	shiftOf := func(id, scope, rest string) shift.Shift {
		return mustParse(t, id, []byte(`{"scope":`+scope+`,`+rest+`}`))
	}
	const (
		night = `"tz":"Europe/Berlin","days":["mon","sun"],"start":"22:00","end":"06:00"`
		early = `"tz":"Europe/Berlin","days":["mon"],"start":"06:00","end":"14:00"`
		dawn  = `"tz":"Europe/Berlin","days":["mon"],"start":"05:59","end":"14:00"`
		// While only one of both has changed its clock, it begins an hour before the
		// other ends.
		abroad = `"tz":"America/New_York","days":["mon"],"start":"00:00","end":"08:00"`
	)
	locate := func(machine string) (factory.Placement, bool) {
		return factory.Placement{Site: "s", Line: "l1"}, machine == "m1"
	}
	tests := map[string]struct {
		a, b shift.Shift
		want string
	}{
		"one ends when the other begins":          {shiftOf("a", `{}`, night), shiftOf("b", `{}`, early), ""},
		"a minute too early":                      {shiftOf("a", `{}`, night), shiftOf("b", `{}`, dawn), `shift "a" overlaps shift "b" on Sundays`},
		"other lines":                             {shiftOf("a", `{"line":"l1"}`, night), shiftOf("b", `{"line":"l2"}`, dawn), ""},
		"a line of another site":                  {shiftOf("a", `{"site":"s","line":"l"}`, night), shiftOf("b", `{"site":"t","line":"l"}`, dawn), ""},
		"a site and its line":                     {shiftOf("a", `{"site":"s"}`, night), shiftOf("b", `{"site":"s","line":"l1"}`, dawn), `shift "a" overlaps shift "b" on `},
		"a machine and its line":                  {shiftOf("a", `{"machine":"m1"}`, night), shiftOf("b", `{"line":"l1"}`, dawn), `shift "a" overlaps`},
		"a machine and another line":              {shiftOf("a", `{"machine":"m1"}`, night), shiftOf("b", `{"line":"l2"}`, dawn), ""},
		"an unknown machine and a line":           {shiftOf("a", `{"machine":"m9"}`, night), shiftOf("b", `{"line":"l2"}`, dawn), `shift "a" overlaps`},
		"two zones, between two changes of clock": {shiftOf("a", `{}`, early), shiftOf("b", `{}`, abroad), `shift "a" overlaps shift "b" on `},
		"two zones that never overlap": {
			shiftOf("a", `{}`, `"tz":"Europe/Berlin","days":["mon","sun"],"start":"06:00","end":"09:00"`),
			shiftOf("b", `{}`, `"tz":"America/New_York","days":["mon","sun"],"start":"06:00","end":"09:00"`), "",
		},
		"validity ends before": {shiftOf("a", `{}`, dawn+`,"valid_until":"2024-03-31"`), shiftOf("b", `{}`, early+`,"valid_from":"2024-04-01"`), ""},
		"the last night reaches into the next validity": {
			shiftOf("a", `{}`, night+`,"valid_until":"2024-03-31"`), shiftOf("b", `{}`, dawn+`,"valid_from":"2024-04-01"`), `shift "a" overlaps shift "b" on 2024-03-31`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := shift.Plan{Shifts: []shift.Shift{tt.a, tt.b}}
			err := plan.CheckShift("a", locate)
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, factory.ErrConflict) || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("CheckShift = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOverlapOnSpecialDays(t *testing.T) {
	t.Parallel()
	every := `"tz":"UTC","days":["mon","tue","wed","thu","fri","sat","sun"]`
	plan := shift.Plan{Shifts: []shift.Shift{
		mustParse(t, "early", []byte(`{`+every+`,"start":"06:00","end":"14:00"}`)),
		mustParse(t, "night", []byte(`{`+every+`,"start":"22:00","end":"06:00"}`)),
		mustParse(t, "short", []byte(`{"tz":"UTC","days":[],"start":"08:00","end":"12:00"}`)),
		mustParse(t, "dawn", []byte(`{"tz":"UTC","days":[],"start":"04:00","end":"12:00"}`)),
	}}
	for days, want := range map[string]string{
		`{"date":"2024-12-24","shifts":["short","night"]}`:                                       "",
		`{"date":"2024-12-24","shifts":["short","early"]}`:                                       `shift "short" overlaps shift "early" on 2024-12-24`,
		`{"date":"2024-12-24","shifts":["dawn"]}`:                                                `shift "dawn" overlaps shift "night" on 2024-12-24`,
		`{"date":"2024-12-24","shifts":["dawn"]},{"date":"2024-12-23","kind":"off"}`:             "",
		`{"date":"2024-12-23","kind":"off"},{"date":"2024-12-24","shifts":["short","shrot"]}`:    "/days/1/shifts/1: is not the id of a shift",
		`{"date":"2024-12-23","shifts":["early"]},{"date":"2024-12-24","shifts":["dawn","dwn"]}`: "/days/1/shifts/1: is not the id of a shift",
	} {
		plan := plan
		plan.Calendars = []shift.Calendar{mustParseCalendar(t, "c", `{"days":[`+days+`]}`)}
		err := plan.CheckCalendar("c", nowhere)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("CheckCalendar(%s) = %v, want %q", days, err, want)
		}
		if strings.HasPrefix(want, "shift") {
			if err := plan.CheckShift(strings.Split(want, `"`)[3], nowhere); !errors.Is(err, factory.ErrConflict) {
				t.Errorf("CheckShift after %s = %v, want a conflict", days, err)
			}
			if err := plan.CheckShift(strings.Split(want, `"`)[1], nowhere); !errors.Is(err, factory.ErrConflict) {
				t.Errorf("CheckShift of the other one after %s = %v, want a conflict", days, err)
			}
		}
	}
}
