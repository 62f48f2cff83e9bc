package oee_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/factory/shift"
	"smart-factory-backend/app/factory/timeline"

	"pgregory.net/rapid"
)

// day is how long the random plants last, in seconds: long enough for both an hour
// that a clock skips and several days of a zone.
const day = 30 * 3600

var cycles = map[string]float64{"": 0.7, "a": 1, "b": 2.35, "c": 60}

// randomMachine draws a machine whose every event is at a whole second.
func randomMachine(t *rapid.T, id string, origin int64) *oee.Machine {
	birth := rapid.Int64Range(0, 3600).Draw(t, "birth")
	span := factory.Span{From: origin + birth*1000, To: origin + day*1000}
	at := func(s int64) int64 { return origin + s*1000 }
	m := &oee.Machine{ID: id, Cycle: func(p string) float64 { return cycles[p] }}
	m.Timeline.Range = span
	for from := birth; from < day; {
		to := min(day, from+rapid.Int64Range(1, 20000).Draw(t, "length"))
		m.Timeline.Segments = append(m.Timeline.Segments, timeline.Segment{
			From: at(from), To: at(to), State: rapid.SampledFrom(timeline.States).Draw(t, "state"), Reason: rapid.SampledFrom([]string{"", "jam"}).Draw(t, "reason"),
		})
		from = to
	}
	for from := birth; from < day; {
		to := min(day, from+rapid.Int64Range(1, 40000).Draw(t, "length"))
		product := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "product")
		if product != "" {
			m.Timeline.Products = append(m.Timeline.Products, timeline.ProductSpan{Span: factory.Span{From: at(from), To: at(to)}, Product: product})
		}
		from = to
	}
	for from := int64(0); from < day; {
		from += rapid.Int64Range(0, 9000).Draw(t, "pause")
		to := min(day, from+rapid.Int64Range(1, 30000).Draw(t, "length"))
		if from < to {
			m.Scheduled = append(m.Scheduled, factory.Span{From: at(from), To: at(to)})
			m.Shifts = append(m.Shifts, shift.Instance{Shift: rapid.SampledFrom([]string{"early", "late"}).Draw(t, "shift"), Day: "2024-01-01", From: at(from), To: at(to)})
		}
		from = to
	}
	for from := birth; from < day-1; from += rapid.Int64Range(0, 9000).Draw(t, "next") {
		p := timeline.Production{
			From: at(from), To: at(min(day, from+rapid.Int64Range(0, 5000).Draw(t, "lasting"))),
			Good: float64(rapid.IntRange(0, 500).Draw(t, "good")), Scrap: float64(rapid.IntRange(0, 50).Draw(t, "scrap")), Rework: float64(rapid.IntRange(0, 5).Draw(t, "rework")),
			Product: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "product"),
		}
		m.Timeline.Productions = append(m.Timeline.Productions, p)
	}
	return m
}

// model is the plain sum of one second after another.
type model struct {
	time                             map[timeline.State]float64
	good, scrap, rework, ideal, done float64
	outsideGood, outsideScrap        float64
}

// labels returns the local day or hour of each second, by its own look at the clock.
func labels(by oee.By, zone *time.Location, origin int64) []string {
	list := make([]string, day)
	label, before := "", -1
	for at := origin - 3600_000; at < origin+day*1000; at += 1000 {
		local := time.UnixMilli(at).In(zone)
		_, offset := local.Zone()
		switch {
		case by == oee.ByDay && (local.Hour() == 0 || label == ""):
			label = local.Format(time.DateOnly)
		case by == oee.ByHour && (local.Minute() == 0 && local.Second() == 0 || offset != before && before >= 0):
			label = local.Format(time.RFC3339)
		}
		before = offset
		if at >= origin {
			list[(at-origin)/1000] = label
		}
	}
	return list
}

// keyOf returns the group of a second in which a product is made.
func keyOf(by oee.By, labels []string, m *oee.Machine, at int64, product string) string {
	switch by {
	case oee.ByMachine:
		return m.ID
	case oee.ByProduct:
		return product
	case oee.ByDay, oee.ByHour:
		return labels[(at-originOf(m))/1000]
	case oee.ByShift:
		for _, s := range m.Shifts {
			if at >= s.From && at < s.To {
				return fmt.Sprint(s.Shift, s.From, s.To)
			}
		}
	case oee.NotGrouped:
	}
	return "-"
}

// originOf returns the time at which the plant of a machine begins.
func originOf(m *oee.Machine) int64 { return m.Timeline.Range.To - day*1000 }

// compute goes through every second of the machines.
func compute(machines []*oee.Machine, by oee.By, labels []string) map[string]*model {
	groups := map[string]*model{}
	group := func(key string) *model {
		if groups[key] == nil {
			groups[key] = &model{time: map[timeline.State]float64{}}
		}
		return groups[key]
	}
	for _, m := range machines {
		origin := originOf(m)
		inside := make([]bool, day+1)
		for _, s := range m.Scheduled {
			for at := s.From; at < s.To; at += 1000 {
				inside[(at-origin)/1000] = true
			}
		}
		product := make([]string, day)
		for _, p := range m.Timeline.Products {
			for at := p.From; at < p.To; at += 1000 {
				product[(at-origin)/1000] = p.Product
			}
		}
		for _, s := range m.Timeline.Segments {
			for at := s.From; at < s.To; at += 1000 {
				g := group(keyOf(by, labels, m, at, product[(at-origin)/1000]))
				if inside[(at-origin)/1000] {
					g.time[s.State]++
				}
			}
		}
		for _, p := range m.Timeline.Productions {
			n := float64(max(1, (p.To-p.From)/1000))
			for at := p.From; at < max(p.To, p.From+1); at += 1000 {
				g := group(keyOf(by, labels, m, at, p.Product))
				if !inside[(at-origin)/1000] {
					g.outsideGood += p.Good / n
					g.outsideScrap += p.Scrap / n
					continue
				}
				g.good += p.Good / n
				g.scrap += p.Scrap / n
				g.rework += p.Rework / n
				g.ideal += (p.Good + p.Scrap + p.Rework) / n * cycles[p.Product]
				g.done += p.Good / n * cycles[p.Product]
			}
		}
	}
	return groups
}

func TestAgainstEverySecond(t *testing.T) {
	t.Parallel()
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"}
	changes := []string{"2024-03-30T12:00:00Z", "2024-10-26T12:00:00Z", "2024-04-06T00:00:00Z", "2024-10-05T00:00:00Z"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		begin, err := time.Parse(time.RFC3339, rapid.SampledFrom(changes).Draw(t, "begin"))
		if err != nil {
			t.Fatal(err)
		}
		by := rapid.SampledFrom(append(oee.Groupings, oee.NotGrouped)).Draw(t, "by")
		machines := []*oee.Machine{}
		for i := range rapid.IntRange(1, 2).Draw(t, "machines") {
			machines = append(machines, randomMachine(t, fmt.Sprint("m", i), begin.UnixMilli()))
		}
		report := oee.NewReport(factory.Span{From: begin.UnixMilli(), To: begin.UnixMilli() + day*1000}, by, zone)
		for _, m := range machines {
			if err := report.Add(m); err != nil {
				t.Fatal(err)
			}
		}
		compare(t, "total", report.Total(), compute(machines, oee.NotGrouped, nil)["-"])
		if by == oee.NotGrouped {
			return
		}
		want := compute(machines, by, labels(by, zone, begin.UnixMilli()))
		for _, g := range report.Groups() {
			key := g.Key
			if by == oee.ByShift {
				key = shiftKey(machines, g)
			}
			if want[key] == nil {
				want[key] = &model{} // exists without a whole second
			}
			compare(t, key, g.Figures, want[key])
			delete(want, key)
		}
		delete(want, "-") // time outside of all shifts
		if len(want) > 0 {
			t.Errorf("the report lacks %v", want)
		}
	})
}

// shiftKey returns the key of the model for a group, which is cut to the machine's
// existence.
func shiftKey(machines []*oee.Machine, g oee.Group) string {
	for _, m := range machines {
		for _, s := range m.Shifts {
			if s.Shift == g.Key && s.From == g.From && s.To == g.To {
				return fmt.Sprint(s.Shift, s.From, s.To)
			}
		}
	}
	return ""
}

func compare(t *rapid.T, name string, f oee.Figures, want *model) {
	t.Helper()
	checkLosses(t, f)
	l := f.Losses
	busy := -want.time[timeline.PlannedStop]
	for _, s := range want.time {
		busy += s
	}
	near := func(what string, got, want float64) {
		if !(math.Abs(got-want) <= 1e-9*max(1, math.Abs(want))) {
			t.Errorf("%s: %s = %v, want %v", name, what, got, want)
		}
	}
	near("pbt", f.Busy, busy)
	near("pot", f.Scheduled, busy+want.time[timeline.PlannedStop])
	near("apt", f.Production, want.time[timeline.Running])
	for state, got := range map[timeline.State]float64{
		timeline.Setup: l.Setup, timeline.Fault: l.Fault, timeline.Blocked: l.Blocked,
		timeline.Starved: l.Starved, timeline.Idle: l.Idle, timeline.Offline: l.Offline,
	} {
		if got != want.time[state] {
			t.Errorf("%s: %s = %v s, want exactly %v s", name, state, got, want.time[state])
		}
	}
	near("good", f.Good, want.good)
	near("scrap", f.Scrap, want.scrap)
	near("rework", f.Rework, want.rework)
	near("total", f.Total, want.good+want.scrap+want.rework)
	near("ideal", *f.Ideal, want.ideal)
	near("speed", *l.Speed, want.time[timeline.Running]-want.ideal)
	near("quality loss", *l.Quality, want.ideal-want.done)
	near("unscheduled good", f.Unscheduled.Good, want.outsideGood)
	near("unscheduled scrap", f.Unscheduled.Scrap, want.outsideScrap)
	ratio := func(what string, got *float64, value, base float64) {
		switch {
		case (got == nil) != (base == 0) || (got == nil) != (f.Why[what] != ""):
			t.Errorf("%s: %s = %v of %v/%v, because %q", name, what, got, value, base, f.Why[what])
		case got != nil:
			near(what, *got, value/base)
		}
	}
	running, setup := want.time[timeline.Running], want.time[timeline.Setup]
	ratio("availability", f.Availability, running, busy)
	ratio("effectiveness", f.Effectiveness, want.ideal, running)
	ratio("quality", f.Quality, want.done, want.ideal)
	ratio("oee", f.OEE, want.done, busy)
	ratio("setup_rate", f.SetupRate, setup, setup+running)
	ratio("scrap_ratio", f.ScrapRatio, want.scrap, want.good+want.scrap+want.rework)
	ratio("utilization", f.Utilization, running, busy-want.time[timeline.Idle]-want.time[timeline.Offline])
	if running > 0 {
		ratio("nee", f.NetEffectiveness, (running+setup)/running*want.done, busy)
	}
}
