package sqlite_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
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

// newSchema2File copies a file of the release with schema 2: two machines with two
// metrics of 700 points each, of which some are still in the ingest log, one machine
// without readings and a deleted one.
func newSchema2File(t *testing.T) (path string) {
	t.Helper()
	packed, err := os.Open("testdata/schema2.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	content, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	path = newPath(t)
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMigrateSchema2(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := newSchema2File(t)
	store := mustOpen(t, sqlite.Options{Path: path, AutoRegister: true})
	for range 2 {
		press, err := store.Machine(ctx, "m-000")
		want := factory.Machine{
			ID: "m-000", Name: `Press "4" <ü>`, Placement: factory.Placement{Site: "north", Area: "hall 2", Line: "doors"},
			Attributes: map[string]string{"vendor": "Müller & Söhne", "empty": ""},
			Version:    2, CreatedAt: press.CreatedAt, UpdatedAt: press.UpdatedAt, LastSeen: 1_790_000_699_000,
		}
		if err != nil || !reflect.DeepEqual(press, want) || press.CreatedAt < 1_700_000_000_000 || press.UpdatedAt < press.CreatedAt {
			t.Errorf("Machine(m-000) = %+v, %v, want %+v", press, err, want)
		}
		for id, version := range map[string]int64{"m-001": 1, "described only": 1, "gone": 0} {
			if m, err := store.Machine(ctx, id); m.Version != version || (err != nil) != (version == 0) {
				t.Errorf("Machine(%s) = %+v, %v, want version %d", id, m, err, version)
			}
		}
		metric, err := store.Metric(ctx, "m-000", "metric-0")
		wantMetric := factory.Metric{
			Machine: "m-000", Name: "metric-0", Unit: "Cel", Kind: factory.Counter, ExpectedMin: new(1.0 / 3), ExpectedMax: new(1e300),
			Retention: 100 * 365 * 24 * time.Hour, Version: 3, CreatedAt: metric.CreatedAt, UpdatedAt: metric.UpdatedAt,
		}
		if err != nil || !reflect.DeepEqual(metric, wantMetric) || metric.CreatedAt == 0 {
			t.Errorf("Metric(m-000, metric-0) = %+v, %v, want %+v", metric, err, wantMetric)
		}
		if metric, err := store.Metric(ctx, "m-001", "described only"); err != nil || metric.Retention != factory.KeepForever || metric.Version != 1 {
			t.Errorf("Metric(m-001, described only) = %+v, %v", metric, err)
		}
		for machine := range 2 {
			for k := range 2 {
				points := history(t, store, fmt.Sprintf("m-%03d", machine), fmt.Sprintf("metric-%d", k))
				if len(points) != 700 {
					t.Fatalf("machine %d, metric %d: %d points, want 700", machine, k, len(points))
				}
				for i, p := range points {
					if want := math.Round(1000*math.Sin(float64(i*(k+1)+machine)/50)) / 1000; p.ObservedAt != 1_790_000_000_000+int64(i)*1000 || p.Value != want {
						t.Fatalf("machine %d, metric %d: point %d = %v, want %v", machine, k, i, p, want)
					}
				}
			}
		}
		if n, err := store.QueryInt("SELECT count(*) FROM sqlite_schema WHERE name IN ('machine', 'named')"); err != nil || n != 0 {
			t.Errorf("%d tables of the registry are left, %v", n, err)
		}
		mustSeal(t, store)
	}
	// The deleted machine continues its versions.
	if m, created, err := store.PutMachine(ctx, factory.Machine{ID: "gone"}, factory.MatchNone); err != nil || !created || m.Version != 2 {
		t.Errorf("PutMachine(gone) = %+v, %t, %v, want version 2", m, created, err)
	}
}

// A migration that fails changes nothing and can be repeated.
func TestMigrateAgainAfterFailure(t *testing.T) {
	t.Parallel()
	path := newSchema2File(t)
	set := func(attributes string) {
		t.Helper()
		if err := sqlite.ExecOnFile(path, "UPDATE machine SET attributes = '"+attributes+"' WHERE id = 'm-001'"); err != nil {
			t.Fatal(err)
		}
	}
	set("{")
	if _, _, err := sqlite.Migrate(context.Background(), path); !errors.Is(err, sqlite.ErrCorrupt) {
		t.Fatalf("Migrate of damaged attributes = %v, want ErrCorrupt", err)
	}
	set(`{"a":"b"}`)
	if before, after, err := sqlite.Migrate(context.Background(), path); err != nil || before != 2 || after != 3 {
		t.Fatalf("Migrate = %d, %d, %v, want 2, 3", before, after, err)
	}
	store := mustOpen(t, sqlite.Options{Path: path})
	if m, err := store.Machine(context.Background(), "m-001"); err != nil || m.Attributes["a"] != "b" {
		t.Errorf("Machine(m-001) = %+v, %v, want its attributes", m, err)
	}
}
