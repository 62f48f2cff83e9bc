package main

import (
	"path/filepath"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

// TestEmbeddedEnginesStoreAndReadBack checks that the engines do the work that is
// measured.
func TestEmbeddedEnginesStoreAndReadBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{sqliteName, rowsName} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			e, err := open(ctx, settings{engine: name, path: filepath.Join(t.TempDir(), "test.db")})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := e.close(); err != nil {
					t.Error(err)
				}
			}()
			empty, err := e.size(ctx)
			if err != nil {
				t.Fatal(err)
			}
			// 600 seconds of 20 series, one of them twice, in batches of which
			// the last is no multiple of a prepared statement's rows.
			readings := make([]factory.Reading, 20*600)
			newGenerator(20).fill(readings)
			for _, batch := range [][]factory.Reading{readings[:7777], readings[7777:], readings[:20]} {
				if err := e.append(ctx, batch); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.settle(ctx); err != nil {
				t.Fatal(err)
			}
			const machine, metric = "machine-1", "metric_3"
			for what, got := range map[string]func() (int, error){
				"600 points":     func() (int, error) { return e.raw(ctx, machine, metric, generatorStart, generatorStart+600_000) },
				"10 points":      func() (int, error) { return e.raw(ctx, machine, metric, generatorStart+1000, generatorStart+11_000) },
				"10 minutes":     func() (int, error) { return e.buckets(ctx, machine, metric, 60_000) },
				"12 spans":       func() (int, error) { return e.buckets(ctx, machine, metric, 50_000) },
				"20 newest ones": func() (int, error) { return e.latest(ctx, 20) },
			} {
				var want int
				for _, digit := range strings.Fields(what)[0] {
					want = want*10 + int(digit-'0')
				}
				if n, err := got(); err != nil || n != want {
					t.Errorf("%s: %d, %v", what, n, err)
				}
			}
			if size, err := e.size(ctx); err != nil || size <= empty {
				t.Errorf("size() = %d, %v, want more than the %d of nothing", size, err, empty)
			}
		})
	}
}
