package main

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// TestAppendJob runs a job like the benchmark.
func TestAppendJob(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	args := []string{"-job", "append", "-engine", rowsName, "-path", filepath.Join(t.TempDir(), "test.db"), "-points", "2500", "-series", "10"}
	if err := run(t.Context(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"points_per_cpu_second", "points_per_second", "bytes_per_point", "p50_ms", "worst_ms"} {
		if r.Figures[key] <= 0 {
			t.Errorf("%s = %v, want more than nothing; all: %v", key, r.Figures[key], r.Figures)
		}
	}
}
