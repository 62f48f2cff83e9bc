package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

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
	for _, versions := range []string{"1 3", "3 3"} {
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

func TestOlderVersion(t *testing.T) {
	t.Parallel()
	for version, older := range map[string]bool{
		"3.51.2": true, "3.50.9": true, "2.99.99": true, "3.6.23.1": true, "3.51": true, "": true, "garbage": true,
		"3.51.3": false, "3.51.10": false, "3.52.0": false, "3.100.0": false, "4.0": false,
	} {
		if got := sqlite.OlderVersion(version, sqlite.OldestSQLite); got != older {
			t.Errorf("OlderVersion(%q, %q) = %v, want %v", version, sqlite.OldestSQLite, got, older)
		}
	}
}
