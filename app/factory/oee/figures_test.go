package oee_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/factory/timeline"

	"pgregory.net/rapid"
)

// script makes a machine from states with their lengths in milliseconds, scheduled
// all the time, with an ideal cycle of one second for every product but "x".
func script(steps ...any) *oee.Machine {
	m := &oee.Machine{ID: "m", Cycle: func(p string) float64 {
		if p == "x" {
			return 0
		}
		return 1
	}}
	at := int64(0)
	for i := 0; i < len(steps); i += 2 {
		to := at + int64(steps[i+1].(int))
		m.Timeline.Segments = append(m.Timeline.Segments, timeline.Segment{From: at, To: to, State: steps[i].(timeline.State)})
		at = to
	}
	m.Timeline.Range = factory.Span{From: 0, To: at}
	m.Scheduled = []factory.Span{m.Timeline.Range}
	return m
}

func total(machines ...*oee.Machine) oee.Figures {
	r := oee.NewReport(factory.Span{From: 0, To: math.MaxInt64}, oee.NotGrouped, nil)
	for _, m := range machines {
		if err := r.Add(m); err != nil {
			panic(err)
		}
	}
	return r.Total()
}

func TestFailures(t *testing.T) {
	t.Parallel()
	const running, fault, idle = timeline.Running, timeline.Fault, timeline.Idle
	two := script(running, 1000, fault, 2000, running, 7000, fault, 4000, idle, 1000)
	split := script(running, 1000, fault, 1500, fault, 500, running, 7000, fault, 4000, idle, 1000)
	split.Timeline.Segments[1].Reason = "jam"
	pause := script(running, 1000, fault, 3000, running, 6000, fault, 4000, idle, 1000)
	pause.Scheduled = []factory.Span{{From: 0, To: 2000}, {From: 3000, To: 15000}}
	tests := map[string]struct {
		machines                []*oee.Machine
		failures                int64
		repair, between, tofail float64 // 0 is none
	}{
		"none":                               {machines: []*oee.Machine{script(running, 5000)}},
		"one has no interval":                {machines: []*oee.Machine{script(running, 5000, fault, 3000)}, failures: 1, repair: 3},
		"two":                                {machines: []*oee.Machine{two}, failures: 2, repair: 3, between: 9, tofail: 7},
		"a reason does not split a failure":  {machines: []*oee.Machine{split}, failures: 2, repair: 3, between: 9, tofail: 7},
		"nor does a break":                   {machines: []*oee.Machine{pause}, failures: 2, repair: 3, between: 9, tofail: 6},
		"machines do not follow one another": {machines: []*oee.Machine{two, script(fault, 1000, running, 1000)}, failures: 3, repair: 7. / 3, between: 9, tofail: 7},
	}
	for name, tt := range tests {
		f := total(tt.machines...)
		if f.Failures != tt.failures {
			t.Errorf("%s: %d failures, want %d", name, f.Failures, tt.failures)
		}
		for i, got := range []*float64{f.TimeToRepair, f.TimeBetweenFailures, f.TimeToFailure} {
			want := []float64{tt.repair, tt.between, tt.tofail}[i]
			key := []string{"mttr_s", "mtbf_s", "mttf_s"}[i]
			if (got == nil) != (want == 0) || (got == nil) != (f.Why[key] != "") || got != nil && *got != want {
				t.Errorf("%s: %s = %v, because %q; want %v", name, key, got, f.Why[key], want)
			}
		}
	}
}

func TestFiguresWithoutBase(t *testing.T) {
	t.Parallel()
	made := func(m *oee.Machine, products ...string) *oee.Machine {
		for _, p := range products {
			m.Timeline.Productions = append(m.Timeline.Productions, timeline.Production{From: 1, To: 1, Good: 3, Scrap: 1, Product: p})
		}
		return m
	}
	tests := map[string]struct {
		machine *oee.Machine
		missing string
	}{
		"nothing":                      {&oee.Machine{}, "availability effectiveness mtbf_s mttf_s mttr_s nee oee quality scrap_ratio setup_rate utilization"},
		"no pieces":                    {script(timeline.Running, 1000), "mtbf_s mttf_s mttr_s quality scrap_ratio"},
		"not running":                  {script(timeline.Idle, 1000), "effectiveness mtbf_s mttf_s mttr_s nee quality scrap_ratio setup_rate utilization"},
		"stopped as planned":           {script(timeline.PlannedStop, 1000), "availability effectiveness mtbf_s mttf_s mttr_s nee oee quality scrap_ratio setup_rate utilization"},
		"one product without a cycle":  {made(script(timeline.Running, 9000), "x"), "effectiveness ideal_s losses.quality losses.speed mtbf_s mttf_s mttr_s nee oee"},
		"several, one without a cycle": {made(script(timeline.Running, 9000), "x", "a"), "effectiveness ideal_s losses.quality losses.speed mtbf_s mttf_s mttr_s nee oee quality"},
		"all known":                    {made(script(timeline.Running, 9000), "a", "b"), "mtbf_s mttf_s mttr_s"},
	}
	for name, tt := range tests {
		f := total(tt.machine)
		if got := strings.Join(sortedKeys(f.Why), " "); got != tt.missing {
			t.Errorf("%s: no base for %q, want %q", name, got, tt.missing)
		}
		var members map[string]any
		data, err := json.Marshal(f)
		if err != nil || json.Unmarshal(data, &members) != nil {
			t.Fatal(err)
		}
		for member, value := range members {
			if _, why := f.Why[member]; why != (value == nil) {
				t.Errorf("%s: %s = %v, because %q", name, member, value, f.Why[member])
			}
		}
	}
	if f := total(made(script(timeline.Running, 9000), "x")); *f.Quality != 0.75 || !strings.Contains(f.Why["oee"], `"x"`) {
		t.Errorf("one product without a cycle: quality %v, %q", *f.Quality, f.Why["oee"])
	}
	if f := total(script(timeline.Idle, 1000)); *f.OEE != 0 {
		t.Errorf("OEE of a machine that did not run = %v, want 0", *f.OEE)
	}
}

func sortedKeys(m map[string]string) []string {
	var list []string
	for key := range strings.FieldsSeq("availability effectiveness ideal_s losses.quality losses.speed mtbf_s mttf_s mttr_s nee oee quality scrap_ratio setup_rate utilization") {
		if m[key] != "" {
			list = append(list, key)
		}
	}
	return list
}

// TestLossesAddUp lets the states change at any millisecond and ideal cycles be any
// number, also ones that are far too long.
func TestLossesAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var steps []any
		for range rapid.IntRange(1, 20).Draw(t, "changes") {
			steps = append(steps, rapid.SampledFrom(timeline.States).Draw(t, "state"), rapid.IntRange(1, 100_000_000).Draw(t, "length"))
		}
		m := script(steps...)
		cycle := rapid.Float64Range(1e-6, 1e6).Draw(t, "cycle")
		m.Cycle = func(string) float64 { return cycle }
		for range rapid.IntRange(0, 5).Draw(t, "productions") {
			from := rapid.Int64Range(0, m.Timeline.Range.To-1).Draw(t, "from")
			m.Timeline.Productions = append(m.Timeline.Productions, timeline.Production{
				From: from, To: rapid.Int64Range(from, m.Timeline.Range.To).Draw(t, "to"),
				Good: rapid.Float64Range(0, 1e5).Draw(t, "good"), Scrap: rapid.Float64Range(0, 1e5).Draw(t, "scrap"),
			})
		}
		f := total(m)
		checkLosses(t, f)
		if f.OEE != nil && *f.Ideal < 10*f.Busy {
			good := *f.LossTree.Parts[0].Share
			if math.Abs(good-*f.OEE) > 1e-12 {
				t.Errorf("the share of good pieces is %v, the OEE %v", good, *f.OEE)
			}
		}
	})
}

func TestReasons(t *testing.T) {
	t.Parallel()
	m := script(timeline.Fault, 1000, timeline.Idle, 2000, timeline.Running, 10000, timeline.Fault, 4000, timeline.PlannedStop, 9000, timeline.Starved, 500, timeline.Fault, 2500)
	for _, i := range []int{0, 1, 3, 4} {
		m.Timeline.Segments[i].Reason = "jam"
	}
	m.Timeline.Segments[6].Reason = "no power"
	m.Scheduled = []factory.Span{{From: 500, To: 15000}, {From: 16000, To: m.Timeline.Range.To}}
	r := oee.NewReasons()
	r.Add(m)
	list, downtime := r.Pareto(10)
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprintf("%q %v s %d %.3f %.3f %v", e.Reason, e.Seconds, e.Count, e.Share, e.Cumulative, e.States))
	}
	want := []string{
		`"jam" 5.5 s 2 0.647 0.647 map[fault:3.5 idle:2]`,
		`"no power" 2.5 s 1 0.294 0.941 map[fault:2.5]`,
		`"" 0.5 s 1 0.059 1.000 map[starved:0.5]`,
	}
	if !reflect.DeepEqual(got, want) || downtime != 8.5 {
		t.Errorf("Pareto of %v s:\n%s\nwant 8.5 s:\n%s", downtime, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list, downtime = r.Pareto(1); len(list) != 1 || downtime != 8.5 {
		t.Errorf("Pareto(1) = %d reasons of %v s", len(list), downtime)
	}
}

func TestReportLimitsGroups(t *testing.T) {
	t.Parallel()
	m := script(timeline.Running, 1000*3600*oee.MaxGroups)
	r := oee.NewReport(m.Timeline.Range, oee.ByHour, time.UTC)
	if err := r.Add(m); !errors.Is(err, factory.ErrInvalid) || !strings.Contains(err.Error(), "shorter range") {
		t.Errorf("a report with too many hours = %v, want an error that says so", err)
	}
	m = script(timeline.Running, 1000*3600*(oee.MaxGroups-1))
	r = oee.NewReport(m.Timeline.Range, oee.ByHour, time.UTC)
	if err := r.Add(m); err != nil || len(r.Groups()) != oee.MaxGroups-1 {
		t.Errorf("a report with %d hours = %v", len(r.Groups()), err)
	}
}

// benchmark reports machines of which each changed its state and made pieces changes
// times.
func benchmark(b *testing.B, machines, changes int, by oee.By) {
	b.ReportAllocs()
	var steps []any
	for i := range changes {
		steps = append(steps, timeline.States[i%len(timeline.States)], 28_800)
	}
	m := script(steps...)
	for i := range changes {
		at := int64(i) * 28_800
		m.Timeline.Productions = append(m.Timeline.Productions, timeline.Production{From: at, To: at + 28_800, Good: 7, Scrap: 1, Product: "a"})
	}
	for b.Loop() {
		r := oee.NewReport(m.Timeline.Range, by, time.UTC)
		for range machines {
			if err := r.Add(m); err != nil {
				b.Fatal(err)
			}
		}
		r.Total()
		r.Groups()
	}
}

func BenchmarkShiftOfLine(b *testing.B)  { benchmark(b, 10, 1000, oee.NotGrouped) }
func BenchmarkMonthOfPlant(b *testing.B) { benchmark(b, 100, 30*200, oee.ByDay) }
