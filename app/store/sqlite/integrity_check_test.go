package sqlite_test

import (
	"os"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// copyFiles copies the files of an open store as a crash would leave them.
func copyFiles(t *testing.T, path string) (copied string) {
	t.Helper()
	copied = newPath(t)
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

func TestCheckAfterUncleanStop(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, manualOptions(path, new(eventRecorder)))
	mustAppend(t, store, noisyReadings("a", 0, 2000))
	mustSeal(t, store)
	good, bad := copyFiles(t, path), copyFiles(t, path)
	if err := sqlite.ExecOnFile(bad, "UPDATE chunk SET data = x'0200ff01020304' WHERE t0 = 512000"); err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
	for name, tt := range map[string]struct {
		path string
		want factory.Integrity
	}{
		"closed":  {path, factory.IntegrityUnchecked},
		"crashed": {good, factory.IntegrityGood},
		"damaged": {bad, factory.IntegrityDamaged},
	} {
		var recorded eventRecorder
		store := mustOpen(t, manualOptions(tt.path, &recorded))
		waitFor(t, "the check of the "+name+" store", func() bool { return store.Stats().Integrity == tt.want })
		if tt.want != factory.IntegrityUnchecked {
			waitFor(t, "the events of the "+name+" store", func() bool { return recorded.has(sqlite.EventUnclean) && recorded.has(sqlite.EventChecked) })
		}
		if tt.want == factory.IntegrityDamaged {
			mustSeal(t, store)
			if stats := store.Stats(); stats.QuarantinedChunks != 1 || !recorded.has(sqlite.EventDamaged) {
				t.Errorf("%d chunks in quarantine, want the damaged one", stats.QuarantinedChunks)
			}
		}
		mustClose(t, store)
	}
}
