package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
	"smart-factory-backend/app/store/storetest"
)

// TestContract runs the suite on stores whose sealer has different things to
// do: nothing, very small chunks between any two commits, and a log that is
// always too long.
func TestContract(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*sqlite.Options){
		"defaults": func(*sqlite.Options) {},
		"sealing all the time": func(o *sqlite.Options) {
			o.SealPoints, o.SealAfter = 4, time.Nanosecond
			*o = o.Tuned(sqlite.Tuning{SealEvery: time.Millisecond})
		},
		"chunks of one point, short log": func(o *sqlite.Options) {
			o.SealPoints, o.LogBytes = 1, 1<<19
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t testing.TB, dir string, limits storetest.Limits) factory.Store {
				t.Helper()
				options := sqlite.Options{
					Path: filepath.Join(dir, "contract.db"), AutoRegister: limits.AutoRegister, MaxSeries: limits.MaxSeries,
				}
				change(&options)
				store, err := sqlite.Open(context.Background(), options)
				if err != nil {
					t.Fatalf("Open = %v", err)
				}
				return store
			})
		})
	}
}
