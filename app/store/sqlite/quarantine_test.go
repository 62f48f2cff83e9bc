package sqlite_test

import (
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

func TestDamagedChunk(t *testing.T) {
	t.Parallel()
	var recorded eventRecorder
	path := newPath(t)
	store := mustOpen(t, manualOptions(path, &recorded))
	mustAppend(t, store, append(noisyReadings("a", 0, 1500), noisyReadings("b", 0, 600)...))
	mustSeal(t, store)
	damage := func(where string) {
		t.Helper()
		if err := store.Exec("UPDATE chunk SET data = x'0200ff01020304' WHERE id = (SELECT chunk.id FROM chunk JOIN series ON series.id = series_id WHERE machine = 'a' AND " + where + ")"); err != nil {
			t.Fatal(err)
		}
	}
	damage("t0 = 0")
	if got := history(t, store, "a", "v"); len(got) != 1500-512 {
		t.Errorf("History of a damaged series has %d points, want those of its other chunks", len(got))
	}
	mustSeal(t, store)
	if stats := store.Stats(); stats.QuarantinedChunks != 1 || !recorded.has(sqlite.EventDamaged) {
		t.Errorf("%d chunks in quarantine, events %q, want one, and an event", stats.QuarantinedChunks, recorded.kinds())
	}
	if n, err := store.QueryInt("SELECT count(*) FROM quarantine WHERE kind = 'chunk' AND n = 512 AND data = x'0200ff01020304'"); n != 1 || err != nil {
		t.Errorf("quarantine has %d such chunks, %v, want what was found", n, err)
	}
	// The sealer finds a damaged chunk itself when it merges late points.
	damage("t0 = 512000")
	mustAppend(t, store, []factory.Reading{readingAt("a", 600_500, 7), readingAt("b", 500, 7)})
	mustSeal(t, store)
	if got := history(t, store, "a", "v"); len(got) != 1500-2*512+1 || got[0].Value != 7 {
		t.Errorf("History of the damaged series has %d points, want the rest and the late one", len(got))
	}
	if got := history(t, store, "b", "v"); len(got) != 601 {
		t.Errorf("History of the other series has %d points, want 601", len(got))
	}
	if n, err := store.QueryInt("SELECT count(*) FROM ingest_log"); n != 0 || err != nil {
		t.Errorf("%d log rows wait to be sealed, %v, want none", n, err)
	}
	if stats := store.Stats(); stats.QuarantinedChunks != 2 {
		t.Errorf("%d chunks in quarantine, want 2", stats.QuarantinedChunks)
	}
}

func TestDamagedLogRow(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, manualOptions(path, new(eventRecorder)))
	for i := range int64(3) {
		mustAppend(t, store, []factory.Reading{readingAt("a", i, float64(i))})
	}
	mustClose(t, store)
	if err := sqlite.ExecOnFile(path, "UPDATE ingest_log SET data = x'0100deadbeef' WHERE seq = 2"); err != nil {
		t.Fatal(err)
	}
	var recorded eventRecorder
	store = mustOpen(t, manualOptions(path, &recorded))
	wantSeries(t, store, "a", "[{0 0} {2 2}]")
	if stats := store.Stats(); stats.QuarantinedChunks != 1 || !recorded.has(sqlite.EventDamaged) {
		t.Errorf("%d parts in quarantine, events %q, want one, and an event", stats.QuarantinedChunks, recorded.kinds())
	}
	mustAppend(t, store, []factory.Reading{readingAt("a", 5, 5)})
	mustClose(t, store)
	wantSeries(t, mustOpen(t, sqlite.Options{Path: path}), "a", "[{0 0} {2 2} {5 5}]")
}
