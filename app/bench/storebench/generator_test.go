package main

import (
	"testing"

	"smart-factory-backend/app/factory"
)

// TestGeneratorDataIsRegular checks for one point per second and series, with
// three decimals, and that no two series are equal.
func TestGeneratorDataIsRegular(t *testing.T) {
	t.Parallel()
	p := newGenerator(30)
	batch := make([]factory.Reading, 30*100)
	p.fill(batch[:47])
	p.fill(batch[47:])
	seen := make(map[seriesKey][]float64)
	for i, r := range batch {
		if want := generatorStart + int64(i/30)*1000; r.ObservedAt != want {
			t.Fatalf("reading %d is of %d, want %d", i, r.ObservedAt, want)
		}
		if thousandths := r.Value * 1000; r.Value < 10 || r.Value > 30 || thousandths-float64(int(thousandths+0.5)) > 1e-6 {
			t.Fatalf("reading %d has %v", i, r.Value)
		}
		seen[seriesKey{r.Machine, r.Metric}] = append(seen[seriesKey{r.Machine, r.Metric}], r.Value)
	}
	first := make(map[[3]float64]bool)
	for k, values := range seen {
		if len(values) != 100 {
			t.Errorf("%v has %d points, want 100", k, len(values))
		}
		first[[3]float64(values)] = true
	}
	if len(seen) != 30 || len(first) != 30 {
		t.Errorf("%d series, %d of them different, want 30", len(seen), len(first))
	}
}
