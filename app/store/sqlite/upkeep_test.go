package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// events collects what OnEvent hears.
type eventRecorder struct {
	mu  sync.Mutex
	all []sqlite.Event
}

func (e *eventRecorder) record(event sqlite.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// kinds are those heard so far, each run of the same once.
func (e *eventRecorder) kinds() (kinds []sqlite.EventKind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.all {
		kinds = append(kinds, event.Kind)
	}
	return slices.Compact(kinds)
}

func (e *eventRecorder) has(kind sqlite.EventKind) bool { return slices.Contains(e.kinds(), kind) }

// still are the settings of a store whose sealer works on demand only.
func manualOptions(path string, e *eventRecorder) sqlite.Options {
	return sqlite.Options{Path: path, AutoRegister: true, OnEvent: e.record}.WithTuning(sqlite.Tuning{SealEvery: time.Hour, ProbeEvery: time.Hour})
}

// noise are n readings of a series that compress badly.
func noisyReadings(machine string, from, n int64) (readings []factory.Reading) {
	for i := from; i < from+n; i++ {
		readings = append(readings, readingAt(machine, i*1000, math.Sin(float64(i*i))))
	}
	return readings
}

func TestSizeLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	var heard eventRecorder
	options := manualOptions(newPath(t), &heard)
	options.MaxBytes = limit
	store := mustOpen(t, options)
	used := func() int64 {
		t.Helper()
		pages, err := store.QueryInt("SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)")
		if err != nil {
			t.Fatal(err)
		}
		return pages * 8192
	}
	const machines, perRound = 4, int64(2048)
	for round := range int64(40) {
		for m := range machines {
			mustAppend(t, store, noisyReadings(fmt.Sprint("m", m), round*perRound, perRound))
		}
		mustSeal(t, store)
		if got := used(); got > limit {
			t.Fatalf("round %d: %d bytes are used, want at most %d", round, got, limit)
		}
	}
	if kinds := heard.kinds(); len(kinds) < 2 || kinds[0] != sqlite.EventNearLimit || kinds[1] != sqlite.EventEvicted {
		t.Errorf("events %q, want a warning before the eviction", kinds)
	}
	stats := store.Stats()
	kept, oldest := 0, []int64{}
	for m := range machines {
		points := history(t, store, fmt.Sprint("m", m), "v")
		kept += len(points)
		oldest = append(oldest, points[0].ObservedAt)
		if last := points[len(points)-1]; last.ObservedAt != (40*perRound-1)*1000 {
			t.Errorf("the newest point of machine %d is at %d: it is gone", m, last.ObservedAt)
		}
		for i, p := range points[1:] {
			if p.ObservedAt != points[i].ObservedAt+1000 {
				t.Fatalf("machine %d has a hole after %d", m, points[i].ObservedAt)
			}
		}
	}
	if total := machines * 40 * int(perRound); kept+int(stats.EvictedPoints) != total || stats.EvictedPoints == 0 {
		t.Errorf("%d points kept and %d evicted, want %d in all", kept, stats.EvictedPoints, total)
	}
	if spread := slices.Max(oldest) - slices.Min(oldest); spread > 2*512*1000 {
		t.Errorf("the machines begin %d ms apart, want the oldest of all to go first", spread)
	}
}

func TestPurgeShrinksTheFile(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, manualOptions(path, new(eventRecorder)))
	for round := range int64(20) {
		mustAppend(t, store, append(noisyReadings("big", round*10_000, 10_000), readingAt("small", round, 1)))
	}
	mustSeal(t, store)
	pages := func() int64 {
		t.Helper()
		n, err := store.QueryInt("PRAGMA page_count")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := pages()
	if err := store.DeleteMachine(context.Background(), "big", factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	mustSeal(t, store)
	if after := pages(); after > 300 || before < 500 {
		t.Errorf("the file has %d pages after most of %d were purged, want about 256 kept for what comes next", after, before)
	}
	mustClose(t, store)
	if size := fileSize(t, path); size > 300*8192 {
		t.Errorf("the file has %d bytes, want what its pages take", size)
	}
	store = mustOpen(t, manualOptions(path, new(eventRecorder)))
	if got := history(t, store, "small", "v"); len(got) != 20 {
		t.Errorf("the other machine has %d points, want 20", len(got))
	}
	for _, table := range []string{"chunk WHERE n > 100", "purged", "rollup WHERE series_id <> (SELECT id FROM series)"} {
		if n, err := store.QueryInt("SELECT count(*) FROM " + table); n != 0 || err != nil {
			t.Errorf("%d rows of %s are left, %v", n, table, err)
		}
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestDamagedChunk(t *testing.T) {
	t.Parallel()
	var heard eventRecorder
	path := newPath(t)
	store := mustOpen(t, manualOptions(path, &heard))
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
	if stats := store.Stats(); stats.QuarantinedChunks != 1 || !heard.has(sqlite.EventDamaged) {
		t.Errorf("%d chunks in quarantine, events %q, want one, and an event", stats.QuarantinedChunks, heard.kinds())
	}
	if n, err := store.QueryInt("SELECT count(*) FROM quarantine WHERE kind = 'chunk' AND n = 512 AND data = x'0200ff01020304'"); n != 1 || err != nil {
		t.Errorf("quarantine has %d such chunks, %v, want what was found", n, err)
	}
	// The sealer meets one itself: late points belong into it.
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
	var heard eventRecorder
	store = mustOpen(t, manualOptions(path, &heard))
	wantSeries(t, store, "a", "[{0 0} {2 2}]")
	if stats := store.Stats(); stats.QuarantinedChunks != 1 || !heard.has(sqlite.EventDamaged) {
		t.Errorf("%d parts in quarantine, events %q, want one, and an event", stats.QuarantinedChunks, heard.kinds())
	}
	mustAppend(t, store, []factory.Reading{readingAt("a", 5, 5)})
	mustClose(t, store)
	wantSeries(t, mustOpen(t, sqlite.Options{Path: path}), "a", "[{0 0} {2 2} {5 5}]")
}

// copyFiles copies an open store's files as a crash would leave them.
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
		var heard eventRecorder
		store := mustOpen(t, manualOptions(tt.path, &heard))
		waitFor(t, "the check of the "+name+" store", func() bool { return store.Stats().Integrity == tt.want })
		if tt.want != factory.IntegrityUnchecked {
			waitFor(t, "the events of the "+name+" store", func() bool { return heard.has(sqlite.EventUnclean) && heard.has(sqlite.EventChecked) })
		}
		if tt.want == factory.IntegrityDamaged {
			mustSeal(t, store)
			if stats := store.Stats(); stats.QuarantinedChunks != 1 || !heard.has(sqlite.EventDamaged) {
				t.Errorf("%d chunks in quarantine, want the damaged one", stats.QuarantinedChunks)
			}
		}
		mustClose(t, store)
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true, SealPoints: 64})
	stop, ended := make(chan struct{}), make(chan error, 1)
	var mu sync.Mutex
	acknowledged := int64(0)
	go func() {
		for i := int64(0); ; i++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, err := store.Append(context.Background(), []factory.Reading{readingAt("a", 2*i, 1), readingAt("a", 2*i+1, 1)}); err != nil {
				ended <- err
				return
			}
			mu.Lock()
			acknowledged = 2*i + 2
			mu.Unlock()
		}
	}()
	for i, back := range []func(to string) error{
		func(to string) error { return store.Backup(context.Background(), to) },
		func(to string) error { return sqlite.Backup(context.Background(), path, to) },
	} {
		waitFor(t, "some readings", func() bool { mu.Lock(); defer mu.Unlock(); return acknowledged > int64(i+1)*200 })
		mu.Lock()
		least := acknowledged
		mu.Unlock()
		to := newPath(t)
		if err := back(to); err != nil {
			t.Fatalf("Backup = %v", err)
		}
		if err := back(to); !errors.Is(err, factory.ErrConflict) {
			t.Errorf("Backup over a file = %v, want ErrConflict", err)
		}
		if files, err := os.ReadDir(filepath.Dir(to)); err != nil || len(files) != 1 {
			t.Errorf("beside the backup there is %v, %v, want nothing", files, err)
		}
		copied := mustOpen(t, sqlite.Options{Path: to, AutoRegister: true})
		got := history(t, copied, "a", "v")
		if int64(len(got)) < least || len(got)%2 != 0 {
			t.Errorf("the backup has %d points, want at least %d and whole appends", len(got), least)
		}
		for i, p := range got {
			if p.ObservedAt != int64(i) {
				t.Fatalf("point %d of the backup is %v", i, p)
			}
		}
		mustAppend(t, copied, []factory.Reading{readingAt("b", 1, 1)})
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Errorf("Append beside the backup = %v", err)
	}
	if err := store.Backup(context.Background(), filepath.Join(t.TempDir(), "no", "such", "place")); !errors.Is(err, factory.ErrUnavailable) {
		t.Errorf("Backup to no directory = %v, want ErrUnavailable", err)
	}
	if err := sqlite.Backup(context.Background(), newPath(t), newPath(t)); !errors.Is(err, factory.ErrNotFound) {
		t.Errorf("Backup of no store = %v, want ErrNotFound", err)
	}
}

func TestMigrateFirstRelease(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	var want []factory.Point
	for i := range int64(1000) {
		want = append(want, factory.Point{ObservedAt: i * 1000, Value: math.Sin(float64(i))})
	}
	if err := sqlite.CreateSchemaV1File(path, "press", "v", want, 300); err != nil {
		t.Fatal(err)
	}
	for _, versions := range []string{"1 2", "2 2"} {
		before, after, err := sqlite.Migrate(context.Background(), path)
		if got := fmt.Sprint(before, after); err != nil || got != versions {
			t.Fatalf("Migrate = %s, %v, want %s", got, err, versions)
		}
	}
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true})
	if _, _, err := sqlite.Migrate(context.Background(), path); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("Migrate of a store in use = %v, want ErrInUse", err)
	}
	if machine, err := store.Machine(context.Background(), "press"); err != nil || machine.Version != 1 || machine.LastSeen != 999_000 {
		t.Errorf("Machine(press) = %+v, %v", machine, err)
	}
	for range 2 {
		if got := history(t, store, "press", "v"); !slices.Equal(got, want) {
			t.Fatalf("History has %d points, want the %d that were there", len(got), len(want))
		}
		page, err := store.Buckets(context.Background(), factory.BucketQuery{Machine: "press", To: math.MaxInt64, Interval: factory.Every(time.Hour), Limit: 10})
		var sum factory.Summary
		sum.AddAll(want)
		sum.Fold()
		if err != nil || len(page.Series) != 1 || len(page.Series[0].Buckets) != 1 {
			t.Fatalf("Buckets = %+v, %v, want one", page, err)
		}
		if b := page.Series[0].Buckets[0]; b.Count != sum.Count || b.Sum != sum.Sum || b.Max != sum.Max || b.First != sum.First {
			t.Errorf("bucket = %+v, want %+v", b, sum)
		}
		mustAppend(t, store, []factory.Reading{readingAt("press", 500_000, want[500].Value)}) // into an old chunk
		mustSeal(t, store)
	}
}

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
			var heard eventRecorder
			options := sqlite.Options{Path: path, AutoRegister: true, OnEvent: heard.record}.
				WithTuning(sqlite.Tuning{SealEvery: 5 * time.Millisecond, ProbeEvery: 5 * time.Millisecond, RestoreAfter: time.Millisecond})
			store := mustOpen(t, options)
			mustAppend(t, store, noisyReadings("a", 0, 700))
			mustSeal(t, store)
			mustAppend(t, store, noisyReadings("a", 700, 50))
			_ = history(t, store, "a", "v") // a query has the files open
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
				return err == nil && (heard.has(sqlite.EventRestored) || name == "the shared memory only")
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

// TestFileDeletedBeforeClose: what was acknowledged outlives the process also
// when there was no time to put the file back.
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
