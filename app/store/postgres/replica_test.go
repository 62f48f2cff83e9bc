//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

// openReplicas opens n stores on one schema, one after another.
func openReplicas(t *testing.T, n int, change func(*postgres.Options)) []*postgres.Store {
	t.Helper()
	o := testOptions(t)
	if change != nil {
		change(&o)
	}
	var stores []*postgres.Store
	for range n {
		stores = append(stores, mustOpen(t, o))
	}
	return stores
}

// Replicas that start concurrently on an empty database migrate it once, and
// concurrent appends to the same series neither lose nor duplicate readings.
func TestIntegrationReplicasStartAndWriteConcurrently(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.URL = startServer(t, "fsync=off").URL("") // so that all deadlocks are counted for this test
	const n, rounds = 6, 15
	stores := make([]*postgres.Store, n)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() { stores[i] = mustOpen(t, o) })
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	applied, err := stores[0].QueryInt(t.Context(), "SELECT count(*) FROM schema_migration")
	names, _ := postgres.Migrations(postgres.EmbeddedMigrations)
	if err != nil || applied != int64(len(names)) {
		t.Errorf("%d migrations are recorded, %v, want %d", applied, err, len(names))
	}
	now := time.Now().UnixMilli()
	for i, store := range stores {
		wg.Go(func() {
			for round := range int64(rounds) {
				// All replicas append to the same new series and times, in different
				// orders, and each to a series of its own.
				batch := []factory.Reading{
					reading(fmt.Sprint("own-", i), now+round, float64(i)),
					{Machine: "shared", Metric: fmt.Sprint("v", round), ObservedAt: now, Value: float64(i)},
				}
				for k := range int64(40) {
					batch = append(batch, reading("shared", now-(k*int64(i+1))%40, float64(i)))
				}
				if result, err := store.Append(context.Background(), batch); err != nil || result.Accepted != len(batch) {
					t.Errorf("Append = %+v, %v", result, err)
				}
			}
		})
	}
	wg.Wait()
	whole := factory.HistoryQuery{Machine: "shared", To: now + 1000, Limit: 1 << 20}
	want, err := stores[0].History(t.Context(), whole)
	if err != nil || len(want.Series) != rounds+1 || len(want.Series[0].Points) != 40 {
		t.Fatalf("History(shared) = %d series, %v, want %d, the first with 40 points", len(want.Series), err, rounds+1)
	}
	for i, store := range stores {
		got, err := store.History(t.Context(), whole)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("replica %d returns a different history of the shared machine: %v", i, err)
		}
		if points := mustHistory(t, stores[0], fmt.Sprint("own-", i), "v"); len(points) != rounds {
			t.Errorf("own-%d has %d points, want %d", i, len(points), rounds)
		}
	}
	// The newest reading is the last point of the history.
	latest, err := stores[n-1].Latest(t.Context(), factory.LatestQuery{Machine: "shared", Limit: 1000})
	if err != nil || len(latest.Readings) != rounds+1 {
		t.Fatalf("Latest = %d readings, %v", len(latest.Readings), err)
	}
	for i, r := range latest.Readings {
		points := want.Series[i].Points
		if last := points[len(points)-1]; r.ObservedAt != last.ObservedAt || r.Value != last.Value {
			t.Errorf("Latest(%s) = %v at %d, History ends with %v", r.Metric, r.Value, r.ObservedAt, last)
		}
	}
	if dead, err := stores[0].QueryInt(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); err != nil || dead != 0 {
		t.Errorf("%d deadlocks, %v", dead, err)
	}
}

// A change of the registry on one replica takes effect for the next Append on
// another, despite that replica's cache.
func TestIntegrationReplicasSeeRegistryChanges(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.Now().UnixMilli()
	stores := openReplicas(t, 2, func(o *postgres.Options) {
		o.AutoRegister = false
		// No polling, so that each Append must detect the change itself.
		*o = o.WithTuning(postgres.Tuning{PollInterval: time.Hour, MaintenanceInterval: time.Hour})
	})
	a, b := stores[0], stores[1]
	append1 := func(s *postgres.Store, observedAt int64, want error) {
		t.Helper()
		result, err := s.Append(ctx, []factory.Reading{reading("press", observedAt, 1)})
		switch {
		case err != nil:
			t.Fatalf("Append = %v", err)
		case want == nil && result.Accepted != 1,
			want != nil && (len(result.Rejected) != 1 || !errors.Is(result.Rejected[0].Err, want)):
			t.Fatalf("Append = %+v, want %v", result, want)
		}
	}
	metric := factory.Metric{Machine: "press", Name: "v", Kind: factory.Gauge}
	put := func(s *postgres.Store) {
		t.Helper()
		if _, _, err := s.PutMachine(ctx, factory.Machine{ID: "press", Placement: factory.Placement{Site: "north"}}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.PutMetric(ctx, metric, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	append1(b, now, factory.ErrNotFound)
	put(a)
	append1(b, now, nil)
	if p, ok := b.Placement("press"); !ok || p.Site != "north" {
		t.Errorf("Placement = %+v, %t on the other replica, want north", p, ok)
	}
	metric.Retention = time.Hour
	put(a)
	append1(b, now-2*3_600_000, factory.ErrInvalid)
	metric.Retention = factory.KeepForever
	put(a)
	append1(b, now-2*3_600_000, nil)
	if err := a.DeleteMachine(ctx, "press", factory.MatchAlways, false); err != nil {
		t.Fatal(err)
	}
	append1(b, now+1, factory.ErrNotFound)
	put(a)
	append1(b, now+1, nil)
	if err := a.DeleteMachine(ctx, "press", factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	append1(b, now+2, factory.ErrNotFound)
	put(b)
	append1(a, now+3, nil)
	if points := mustHistory(t, b, "press", "v"); len(points) != 1 || points[0].ObservedAt != now+3 {
		t.Errorf("history after a purge = %v, want the one point since", points)
	}
}
