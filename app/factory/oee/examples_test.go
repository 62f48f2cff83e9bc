package oee_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/factory/timeline"
)

// example is a worked example: what was measured, and the factors of the source.
type example struct {
	Name string `json:"name"`
	measured
	Machines []measured `json:"machines"`

	ShiftMinutes int64 `json:"shift_min"`
	BreakMinutes int64 `json:"breaks_min"`

	Availability  float64  `json:"availability"`
	Effectiveness float64  `json:"effectiveness"`
	Quality       float64  `json:"quality"`
	OEE           float64  `json:"oee"`
	Flag          oee.Flag `json:"flag"`
}

type measured struct {
	Busy       int64 `json:"pbt_s"`
	Production int64 `json:"apt_s"`
	made
	Products []made `json:"products"`
}

type made struct {
	Cycle float64 `json:"ideal_cycle_s"`
	Total float64 `json:"total"`
	Scrap float64 `json:"scrap"`
}

// machine returns a machine that was idle, made everything, and was stopped for a
// break in between, which is not scheduled.
func (m measured) machine(id string, pause int64) *oee.Machine {
	products := m.Products
	if products == nil {
		products = []made{m.made}
	}
	idle, end := (m.Busy-m.Production)*1000, (m.Busy+pause)*1000
	resume := idle + pause*1000
	machine := &oee.Machine{
		ID: id,
		Timeline: timeline.Timeline{
			Range: factory.Span{From: 0, To: end},
			Segments: []timeline.Segment{
				{From: 0, To: idle, State: timeline.Idle}, {From: idle, To: resume, State: timeline.Fault}, {From: resume, To: end, State: timeline.Running},
			},
		},
		Scheduled: []factory.Span{{From: 0, To: idle}, {From: resume, To: end}},
		Cycle: func(product string) float64 {
			i, err := strconv.Atoi(product)
			if err != nil || i >= len(products) {
				return 0
			}
			return products[i].Cycle
		},
	}
	for i, p := range products {
		machine.Timeline.Productions = append(machine.Timeline.Productions, timeline.Production{
			From: resume + 1, To: resume + 1, Good: p.Total - p.Scrap, Scrap: p.Scrap, Product: strconv.Itoa(i),
		})
	}
	return machine
}

func TestWorkedExamples(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/examples.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Examples []example `json:"examples"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Examples) < 6 {
		t.Fatalf("there are %d examples, want all of them", len(file.Examples))
	}
	for _, e := range file.Examples {
		machines := e.Machines
		if machines == nil {
			machines = []measured{e.measured}
		}
		report := oee.NewReport(factory.Span{From: 0, To: math.MaxInt64}, oee.NotGrouped, nil)
		for i, m := range machines {
			if err := report.Add(m.machine(strconv.Itoa(i), e.BreakMinutes*60)); err != nil {
				t.Fatal(err)
			}
		}
		f := report.Total()
		for _, c := range []struct {
			name string
			got  *float64
			want float64
		}{
			{"availability", f.Availability, e.Availability},
			{"effectiveness", f.Effectiveness, e.Effectiveness},
			{"quality", f.Quality, e.Quality},
			{"oee", f.OEE, e.OEE},
		} {
			if c.got == nil || math.Abs(*c.got-c.want) > 1e-12 {
				t.Errorf("%s: %s = %v, want %v", e.Name, c.name, c.got, c.want)
			}
		}
		if e.ShiftMinutes != 0 && f.Scheduled != float64(e.ShiftMinutes-e.BreakMinutes)*60 {
			t.Errorf("%s: planned operation time %v", e.Name, f.Scheduled)
		}
		if flagged := slices.Contains(f.Flags, oee.CycleTooLong); flagged != (e.Flag == oee.CycleTooLong) {
			t.Errorf("%s: flags %v, want %q", e.Name, f.Flags, e.Flag)
		}
		checkLosses(t, f)
	}
}

// checkLosses checks that the losses and the time of good pieces add up to the busy
// time, without a tolerance and in several orders.
func checkLosses(t interface {
	Helper()
	Errorf(format string, args ...any)
}, f oee.Figures,
) {
	t.Helper()
	l := f.Losses
	if l.Speed == nil || l.Quality == nil || f.Ideal == nil {
		t.Errorf("the losses %+v lack some", l)
		return
	}
	good := *f.Ideal - *l.Quality
	parts := []float64{good, l.Setup, l.Fault, l.Blocked, l.Starved, l.Idle, l.Offline, *l.Speed, *l.Quality}
	for range parts {
		forth, back := 0.0, 0.0
		for i := range parts {
			forth += parts[i]
			back += parts[len(parts)-1-i]
		}
		if forth != f.Busy || back != f.Busy {
			t.Errorf("%v add up to %v and, backwards, to %v, want %v", parts, forth, back, f.Busy)
		}
		parts = append(parts[1:], parts[0])
	}
	checkTree(t, f.LossTree)
}

func checkTree(t interface {
	Helper()
	Errorf(format string, args ...any)
}, node oee.Loss,
) {
	t.Helper()
	sum := 0.0
	for _, p := range node.Parts {
		checkTree(t, p)
		sum += *p.Seconds
	}
	if len(node.Parts) > 0 && sum != *node.Seconds {
		t.Errorf("the parts of %s add up to %v, want %v", node.Name, sum, *node.Seconds)
	}
}
