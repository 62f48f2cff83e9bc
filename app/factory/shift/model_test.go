package shift_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"

	"pgregory.net/rapid"
)

// drawn is a shift as the model sees it.
type drawn struct {
	id, zone           string
	days               []string
	start, length      int // minutes
	breaks             [][2]int
	validFrom, validTo string
	scope              factory.Scope
}

func hhmm(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60%24, minute%60) }

func (d drawn) json() []byte {
	quoted := make([]string, len(d.days))
	for i, day := range d.days {
		quoted[i] = `"` + day + `"`
	}
	breaks := make([]string, len(d.breaks))
	for i, b := range d.breaks {
		breaks[i] = fmt.Sprintf(`{"start":%q,"end":%q}`, hhmm(d.start+b[0]), hhmm(d.start+b[1]))
	}
	return fmt.Appendf(nil, `{"scope":{"line":%q},"tz":%q,"days":[%s],"start":%q,"end":%q,"breaks":[%s],"valid_from":%q,"valid_until":%q}`,
		d.scope.Line, d.zone, strings.Join(quoted, ","), hhmm(d.start), hhmm(d.start+d.length), strings.Join(breaks, ","), d.validFrom, d.validTo)
}

func (d drawn) parse(t rapid.TB) shift.Shift {
	s, err := shift.Parse(d.id, d.json())
	if err != nil {
		t.Fatalf("Parse(%s) = %v", d.json(), err)
	}
	return s
}

// zoneChanges are moments around which the clock of a zone changes.
var zoneChanges = map[string][]string{
	"Europe/Berlin":       {"2022-03-27", "2022-10-30", "2023-03-26"},
	"America/New_York":    {"2022-03-13", "2022-11-06"},
	"Australia/Lord_Howe": {"2022-04-03", "2022-10-02"},
	"Asia/Kolkata":        {"2022-07-01"},
	"Pacific/Apia":        {"2011-12-30"},
	"America/Sao_Paulo":   {"2018-11-04", "2018-02-18"}, // at midnight
	"Kwajalein":           {"1993-08-21"},
	"America/St_Johns":    {"2005-04-03"}, // at 00:01
}

var drawZone = rapid.SampledFrom(func() []string {
	var names []string
	for name := range zoneChanges {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}())

var weekdayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

func drawShift(t *rapid.T, id, zone string) drawn {
	d := drawn{id: id, zone: zone, start: rapid.IntRange(0, 24*60-1).Draw(t, "start"), length: rapid.IntRange(1, 24*60).Draw(t, "length")}
	if rapid.Bool().Draw(t, "round") {
		d.start, d.length = d.start/30*30, max(30, d.length/30*30)
	}
	for _, day := range weekdayNames {
		if rapid.IntRange(0, 3).Draw(t, day) > 0 {
			d.days = append(d.days, day)
		}
	}
	for at := 0; rapid.Bool().Draw(t, "break") && at < d.length && len(d.breaks) < 4; {
		from := rapid.IntRange(at, d.length-1).Draw(t, "from")
		to := rapid.IntRange(from+1, d.length).Draw(t, "to")
		if to-from < 24*60 { // a break of a day is refused
			d.breaks = append(d.breaks, [2]int{from, to})
		}
		at = to
	}
	return d
}

// localMinutes are the wall times of consecutive minutes.
type localMinutes struct {
	first time.Time
	walls []int64
}

func minutesOf(zone string, from time.Time, days int) localMinutes {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	m := localMinutes{first: from, walls: make([]int64, days*24*60)}
	for i := range m.walls {
		t := from.Add(time.Duration(i) * time.Minute).In(loc)
		year, month, day := t.Date()
		m.walls[i] = time.Date(year, month, day, t.Hour(), t.Minute(), 0, 0, time.UTC).Unix() / 60
	}
	return m
}

// first minute at which the clock shows wall or has passed it.
func (m localMinutes) at(wall int64) int64 {
	i := slices.IndexFunc(m.walls, func(w int64) bool { return w >= wall })
	return m.first.Add(time.Duration(i) * time.Minute).UnixMilli()
}

// modelInstances goes through the minutes around a date.
func modelInstances(m localMinutes, d drawn, dates []time.Time) []shift.Instance {
	var list []shift.Instance
	for _, date := range dates {
		day := date.Format(time.DateOnly)
		name := weekdayNames[(int(date.Weekday())+6)%7]
		if !slices.Contains(d.days, name) || d.validFrom != "" && day < d.validFrom || d.validTo != "" && day > d.validTo {
			continue
		}
		start := date.Unix()/60 + int64(d.start)
		i := shift.Instance{Shift: d.id, Day: day, From: m.at(start), To: m.at(start + int64(d.length))}
		for _, b := range d.breaks {
			i.Breaks = append(i.Breaks, factory.Span{From: m.at(start + int64(b[0])), To: m.at(start + int64(b[1]))})
		}
		if i.From < i.To {
			list = append(list, i)
		}
	}
	return list
}

func TestInstancesMatchAClockReadMinuteByMinute(t *testing.T) {
	t.Parallel()
	models := map[string]localMinutes{}
	rapid.Check(t, func(t *rapid.T) {
		zone := drawZone.Draw(t, "zone")
		change := rapid.SampledFrom(zoneChanges[zone]).Draw(t, "change")
		date, err := time.Parse(time.DateOnly, change)
		if err != nil {
			t.Fatal(err)
		}
		first := date.AddDate(0, 0, -8)
		m, known := models[zone+change]
		if !known {
			m = minutesOf(zone, first, 20)
			models[zone+change] = m
		}
		d := drawShift(t, "s", zone)
		if rapid.Bool().Draw(t, "limited") {
			d.validFrom = date.AddDate(0, 0, rapid.IntRange(-4, 1).Draw(t, "valid from")).Format(time.DateOnly)
			d.validTo = date.AddDate(0, 0, rapid.IntRange(1, 4).Draw(t, "valid until")).Format(time.DateOnly)
		}
		var dates []time.Time
		for i := 2; i <= 17; i++ {
			dates = append(dates, first.AddDate(0, 0, i))
		}
		from := date.UnixMilli() + int64(rapid.IntRange(-4*24*60, 0).Draw(t, "from"))*60_000
		span := factory.Span{From: from, To: from + int64(rapid.IntRange(1, 8*24*60).Draw(t, "length of the range"))*60_000}

		var want []shift.Instance
		for _, i := range modelInstances(m, d, dates) {
			if i.To > span.From && i.From < span.To {
				want = append(want, i)
			}
		}
		plan := shift.Plan{Shifts: []shift.Shift{d.parse(t)}}
		schedule := plan.Machine("m", factory.Placement{})
		got := slices.Collect(schedule.Instances(span))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s\nInstances(%v) =\n%v, want\n%v", d.json(), span, got, want)
		}
		compareScheduled(t, schedule.Scheduled(span), want, span)
		for _, i := range want {
			if own, ok := schedule.Day("s", i.Day); !ok || fmt.Sprint(own) != fmt.Sprint(i) {
				t.Fatalf("Day(%s) = %v, %v; want %v", i.Day, own, ok, i)
			}
		}
	})
}

// compareScheduled checks each minute of a span.
func compareScheduled(t *rapid.T, got []factory.Span, instances []shift.Instance, span factory.Span) {
	within := func(spans []factory.Span, at int64) bool {
		return slices.ContainsFunc(spans, func(s factory.Span) bool { return s.From <= at && at < s.To })
	}
	for at := span.From; at < span.To; at += 60_000 {
		want := slices.ContainsFunc(instances, func(i shift.Instance) bool {
			return i.From <= at && at < i.To && !within(i.Breaks, at)
		})
		if within(got, at) != want {
			t.Fatalf("scheduled at %d = %v, want %v; Scheduled = %v", at, !want, want, got)
		}
	}
	for i, s := range got {
		if s.From >= s.To || s.From < span.From || s.To > span.To || i > 0 && s.From <= got[i-1].To {
			t.Fatalf("Scheduled(%v) = %v, want separate spans in order within it", span, got)
		}
	}
}

func TestOverlapMatchesAComparisonOfAllInstances(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zoneA, zoneB := drawZone.Draw(t, "zone a"), drawZone.Draw(t, "zone b")
		if rapid.IntRange(0, 2).Draw(t, "one zone") > 0 {
			zoneB = zoneA
		}
		a, b := drawShift(t, "a", zoneA), drawShift(t, "b", zoneB)
		a.length, b.length = min(a.length, 9*60), min(b.length, 9*60)
		a.breaks, b.breaks = nil, nil
		date := time.Date(2021, 12, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 600).Draw(t, "valid from"))
		b.validFrom = date.Format(time.DateOnly)
		if rapid.Bool().Draw(t, "long") {
			b.validTo = date.AddDate(0, 0, rapid.IntRange(0, 600).Draw(t, "days")).Format(time.DateOnly)
		} else {
			b.validTo = date.AddDate(0, 0, rapid.IntRange(0, 4).Draw(t, "days")).Format(time.DateOnly)
		}
		plan := shift.Plan{Shifts: []shift.Shift{a.parse(t), b.parse(t)}}
		span := factory.Span{From: date.AddDate(0, 0, -5).UnixMilli(), To: date.AddDate(0, 0, 610).UnixMilli()}
		want, end := false, int64(0)
		for i := range plan.Machine("m", factory.Placement{}).Instances(span) {
			want = want || i.From < end
			end = max(end, i.To)
		}
		if err := plan.CheckShift("a", nowhere); (err != nil) != want {
			t.Fatalf("%s\n%s\nCheckShift = %v, want an overlap: %v", a.json(), b.json(), err, want)
		}
		if err := plan.CheckShift("b", nowhere); (err != nil) != want {
			t.Fatalf("CheckShift the other way = %v, want an overlap: %v", err, want)
		}
	})
}

func nowhere(string) (factory.Placement, bool) { return factory.Placement{}, false }

func BenchmarkInstancesOfAYear(b *testing.B) {
	var plan shift.Plan
	for i, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"} {
		d := drawn{id: zone, zone: zone, days: weekdayNames, start: 6 * 60 * i, length: 6 * 60, breaks: [][2]int{{100, 130}, {200, 230}}}
		s, err := shift.Parse(d.id, d.json())
		if err != nil {
			b.Fatal(err)
		}
		plan.Shifts = append(plan.Shifts, s)
	}
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	span := factory.Span{From: from.UnixMilli(), To: from.AddDate(1, 0, 0).UnixMilli()}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range plan.Machine("m", factory.Placement{}).Instances(span) {
			n++
		}
		if n < 3*366 {
			b.Fatal(n)
		}
	}
}
