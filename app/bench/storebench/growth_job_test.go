package main

import (
	"context"
	"path/filepath"
	"testing"

	"smart-factory-backend/app/factory"
)

// TestGrowthReportsEachMilestone checks the figures, and that each milestone
// continues after the last one.
func TestGrowthReportsEachMilestone(t *testing.T) {
	t.Parallel()
	s := settings{engine: sqliteName, path: filepath.Join(t.TempDir(), "test.db"), series: 10, batch: 100}
	e, err := open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	controls := 0
	g := &growingStore{
		settings: s, engine: e, generator: newGenerator(s.series), batch: make([]factory.Reading, s.batch), control: 1e9, controlInterval: 1000,
		newStore: func(context.Context) (float64, error) { controls++; return 1e9, nil },
	}
	defer func() {
		if err := g.engine.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, points := range []int{1000, 2950} {
		figures, err := g.growTo(t.Context(), points)
		if err != nil {
			t.Fatal(err)
		}
		ratio := figures["cpu_of_new"] * 1e9 / figures["cpu_ns_per_point"]
		if figures["points"] < float64(points) || figures["cpu_ns_per_point"] <= 0 || ratio < 0.999 || ratio > 1.001 || figures["file_bytes_per_point"] <= 0 {
			t.Errorf("to(%d) = %v", points, figures)
		}
	}
	if n, err := e.raw(t.Context(), "machine-0", "metric_9", generatorStart, generatorStart+1e9); err != nil || n != 300 || controls != 3 {
		t.Errorf("%d points and %d controls, %v; want 300 and 3", n, controls, err)
	}
	figures, err := g.restart(t.Context())
	if err != nil || figures["open_ms"] <= 0 || figures["points"] != 3000 {
		t.Errorf("restart() = %v, %v", figures, err)
	}
}
