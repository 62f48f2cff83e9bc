package simulate_test

import (
	"slices"
	"testing"

	"smart-factory-backend/app/cli/simulate"
)

const begin = 1_796_000_000_000

// report runs a plant for some steps of ten seconds and returns all that it reports.
func report(t *testing.T, seed uint64, steps int) []string {
	t.Helper()
	p := simulate.NewPlant(seed, 8, 1)
	var all []string
	for n := range steps {
		at := int64(begin + n*10_000)
		p.Step(at, 10)
		all = append(all, simulate.Report(p, at))
	}
	return all
}

func TestSameSeedGivesTheSamePlant(t *testing.T) {
	t.Parallel()
	first := report(t, 1, 1000)
	if !slices.Equal(first, report(t, 1, 1000)) {
		t.Error("two plants of one seed differ")
	}
	if slices.Equal(first, report(t, 2, 1000)) {
		t.Error("plants of two seeds are the same")
	}
}

// Over two weeks each machine does all that a machine does, and never more than its
// ideal cycle allows.
func TestTwoWeeksArePlausible(t *testing.T) {
	t.Parallel()
	const days = 14
	p := simulate.NewPlant(1, 8, 1)
	figures := simulate.NewFigures(p)
	stops := 0
	for n := range days * 8640 {
		at := int64(begin + n*10_000)
		for _, s := range p.Step(at, 10) {
			stops++
			if s.To <= s.From || s.Reason == "" {
				t.Fatalf("stop %+v has no length or no reason", s)
			}
		}
		figures.Observe(10)
	}
	if stops < 100 {
		t.Errorf("%d stops with a reason in two weeks, want more than 100", stops)
	}
	for id, f := range figures.Machines() {
		if a := f.Seconds["running"] / (days * 86_400); a < 0.6 || a > 0.9 {
			t.Errorf("%s runs %.2f of the time, want 0.6 to 0.9", id, a)
		}
		for _, state := range []string{"fault", "setup", "idle", "planned_stop"} {
			if f.Seconds[state] == 0 {
				t.Errorf("%s is never in the state %s", id, state)
			}
		}
		if f.Seconds["starved"]+f.Seconds["blocked"] == 0 {
			t.Errorf("%s never waits for another machine", id)
		}
		if f.IdealSeconds > f.Seconds["running"] || f.IdealSeconds < 0.8*f.Seconds["running"] {
			t.Errorf("%s made pieces worth %.0f s in %.0f s of running", id, f.IdealSeconds, f.Seconds["running"])
		}
		if f.Good == 0 || f.Scrap == 0 || f.Scrap > f.Good/10 {
			t.Errorf("%s made %.0f good pieces and %.0f scrap", id, f.Good, f.Scrap)
		}
	}
}

// Only what a machine receives can leave it: a line's machines make no more good pieces
// than the ones before them, but for what was in the buffers.
func TestPiecesFlowThroughALine(t *testing.T) {
	t.Parallel()
	p := simulate.NewPlant(3, 4, 1)
	figures := simulate.NewFigures(p)
	for n := range 8640 {
		p.Step(int64(begin+n*10_000), 10)
		figures.Observe(10)
	}
	m := figures.Machines()
	for _, pair := range [][2]string{{"filler-1", "capper-1"}, {"capper-1", "labeller-1"}, {"labeller-1", "packer-1"}} {
		before, after := m[pair[0]], m[pair[1]]
		if made, received := after.Good+after.Scrap, before.Good; made > received+200 {
			t.Errorf("%s handled %.0f pieces, %s made only %.0f", pair[1], made, pair[0], received)
		}
	}
}

func TestIncidentsAreTriggered(t *testing.T) {
	t.Parallel()
	p := simulate.NewPlant(1, 8, 1)
	figures := simulate.NewFigures(p)
	p.Step(begin, 1)
	p.TriggerIncidents(begin)
	p.Step(begin+1000, 1)
	figures.Observe(1)
	if f := figures.Machines()["capper-1"]; f.Seconds["fault"] == 0 {
		t.Errorf("capper-1 = %+v, want a fault", f)
	}
}

func TestPlantHasAsManyMachinesAsAskedFor(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]int{1: 4, 4: 4, 5: 8, 8: 8, 1000: 1000} {
		if got := simulate.NewPlant(1, asked, 1).Size(); got != want {
			t.Errorf("NewPlant(%d).Size() = %d, want %d", asked, got, want)
		}
	}
}
