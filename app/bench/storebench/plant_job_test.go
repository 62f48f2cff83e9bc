package main

import (
	"path/filepath"
	"testing"
)

func TestPlantReportsEachMode(t *testing.T) {
	t.Parallel()
	s := settings{engine: sqliteName, path: filepath.Join(t.TempDir(), "test.db"), rounds: 2}
	size := plantSize{singles: 20, writers: 4, batches: 2, shiftChanges: 30, monthMachines: 2, monthChanges: 40}
	reports := map[string]int{}
	err := size.run(t.Context(), s, func(mode string, figures map[string]float64) error {
		reports[mode] += len(figures)
		return nil
	})
	for _, mode := range []string{singlesMode, batchesMode, shiftOEEMode, monthOEEMode} {
		if reports[mode] != 4 {
			t.Errorf("%s has %d figures, want 4", mode, reports[mode])
		}
	}
	if err != nil || len(reports) != 4 {
		t.Errorf("run = %v with %v", err, reports)
	}
}
