package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
	storage "smart-factory-backend/app/store"
)

func TestSizeLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	var recorded eventRecorder
	options := manualOptions(newPath(t), &recorded)
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
	if kinds := recorded.kinds(); len(kinds) < 2 || kinds[0] != storage.EventNearLimit || kinds[1] != storage.EventEvicted {
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
