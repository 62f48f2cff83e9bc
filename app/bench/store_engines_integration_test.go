//go:build integration

package main

import (
	"io"
	"os"
	"testing"
	"time"
)

// TestIntegrationStoreEngines runs each engine on a small amount of data.
func TestIntegrationStoreEngines(t *testing.T) {
	t.Parallel()
	// Not t.TempDir: PostgreSQL runs as another user, who may not enter it.
	dir, err := os.MkdirTemp("", "bench-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := &runner{settings: settings{rounds: 1, workers: 1, seconds: 100 * time.Millisecond, progress: io.Discard}, dir: dir}
	if err := b.build(t.Context(), "server", "storebench"); err != nil {
		t.Fatal(err)
	}
	err = b.withPostgres(t.Context(), func(p *postgresServer) error {
		for _, e := range availableEngines(p) {
			var got []figures
			add := func(f figures) { got = append(got, f) }
			if err := b.runStoreJob(t.Context(), e, p, add, "-job", "append", "-points", "3000", "-series", "10"); err != nil {
				return err
			}
			if len(got) != 1 || got[0].Figures["points_per_cpu_second"] <= 0 || got[0].Figures["points_per_second"] <= 0 {
				t.Errorf("%s: %v", e.name, got)
			}
			if err := b.runStoreJob(t.Context(), e, p, add, "-job", "append", "-data", "nothing/*.csv"); err == nil {
				t.Errorf("%s: append without data succeeded", e.name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Every server accepts all of its formats.
	written, err := b.write(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range written.Rows {
		if len(r.Errors) > 0 || r.Figures["points_per_cpu_second"].median() <= 0 || r.Figures["points_per_cpu_second_in_all"].median() <= 0 {
			t.Errorf("%s, %s: %v, %v", r.Mode, r.Who, r.Figures, r.Errors)
		}
	}
	if want := len(writeShapes) * (2*3 + 2); len(written.Rows) != want {
		t.Errorf("%d rows, want %d", len(written.Rows), want)
	}
}
