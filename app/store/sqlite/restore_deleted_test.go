package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

func TestFileMovedAwayAndBack(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true}.WithTuning(sqlite.Tuning{ProbeEvery: 5 * time.Millisecond, RestoreAfter: time.Hour}))
	mustAppend(t, store, noisyReadings("a", 0, 700))
	mustSeal(t, store)
	if got := history(t, store, "a", "v"); len(got) != 700 {
		t.Fatalf("History has %d points, want 700", len(got))
	}
	away := path + ".away"
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		wantAppendFails(t, store, os.ErrNotExist, readingAt("a", 1, 1))
	}
	if err := store.Ready(); !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Ready() without the file = %v, want ErrUnavailable", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a file in its place: %v", err)
	}
	if got := history(t, store, "a", "v"); len(got) != 700 {
		t.Errorf("History without the file has %d points, want 700", len(got))
	}
	if err := os.Rename(away, path); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the store to find its file", func() bool { return store.Ready() == nil })
	mustAppend(t, store, []factory.Reading{readingAt("a", 1, 1)})
	if got := history(t, store, "a", "v"); len(got) != 701 {
		t.Errorf("History has %d points, want 701", len(got))
	}
}

func TestFileDeleted(t *testing.T) {
	t.Parallel()
	for name, suffixes := range map[string][]string{
		"the database":           {""},
		"the write-ahead log":    {"-wal"},
		"the database and logs":  {"", "-wal", "-shm"},
		"the shared memory only": {"-shm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newPath(t)
			var recorded eventRecorder
			options := sqlite.Options{Path: path, AutoRegister: true, OnEvent: recorded.record}.
				WithTuning(sqlite.Tuning{SealEvery: 5 * time.Millisecond, ProbeEvery: 5 * time.Millisecond, RestoreAfter: time.Millisecond})
			store := mustOpen(t, options)
			mustAppend(t, store, noisyReadings("a", 0, 700))
			mustSeal(t, store)
			mustAppend(t, store, noisyReadings("a", 700, 50))
			_ = history(t, store, "a", "v") // opens the files for reading
			for _, suffix := range suffixes {
				if err := os.Remove(path + suffix); err != nil {
					t.Fatal(err)
				}
			}
			want := 750
			waitFor(t, "an append to be taken again", func() bool {
				if got := len(history(t, store, "a", "v")); got != want {
					t.Fatalf("History has %d points, want %d", got, want)
				}
				result, err := store.Append(context.Background(), noisyReadings("a", int64(want), 1))
				if err != nil && !errors.Is(err, factory.ErrUnavailable) {
					t.Fatalf("Append = %v, want ErrUnavailable", err)
				}
				want += result.Accepted
				return err == nil && (recorded.has(sqlite.EventRestored) || name == "the shared memory only")
			})
			waitFor(t, "the store to be ready", func() bool { return store.Ready() == nil })
			mustAppend(t, store, noisyReadings("b", 0, 600))
			mustSeal(t, store)
			for range 2 {
				if got := len(history(t, store, "a", "v")); got != want {
					t.Errorf("History has %d points, want %d", got, want)
				}
				if got := len(history(t, store, "b", "v")); got != 600 {
					t.Errorf("History of another machine has %d points, want 600", got)
				}
				mustClose(t, store)
				if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 2 {
					t.Errorf("the directory has %v, %v, want the database and its lock", entries, err)
				}
				store = mustOpen(t, options)
			}
		})
	}
}

// TestFileDeletedBeforeClose: acknowledged readings survive even if there was
// no time to restore the file.
func TestFileDeletedBeforeClose(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	options := manualOptions(path, new(eventRecorder))
	store := mustOpen(t, options)
	mustAppend(t, store, noisyReadings("a", 0, 700))
	mustSeal(t, store)
	mustAppend(t, store, noisyReadings("a", 700, 50))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	mustClose(t, store)
	if got := len(history(t, mustOpen(t, options), "a", "v")); got != 750 {
		t.Errorf("History has %d points, want 750", got)
	}
}
