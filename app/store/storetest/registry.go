package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
)

// withoutTimes returns m without the times of the store's clock.
func withoutTimes(m factory.Machine) factory.Machine {
	m.CreatedAt, m.UpdatedAt = 0, 0
	if len(m.Attributes) == 0 {
		m.Attributes = nil
	}
	return m
}

// testMachines: metadata of machines, versions and preconditions.
func testMachines(t *testing.T, open Opener) {
	ctx := context.Background()
	f := newFixture(t, open)
	press := factory.Machine{
		ID: "press-4", Name: "Press 4", Placement: factory.Placement{Site: "north", Area: "hall 2", Line: "doors"},
		Attributes: map[string]string{"vendor": "Müller", "empty": ""},
	}
	put := func(m factory.Machine, match factory.Match, wantCreated bool, wantVersion int64) {
		t.Helper()
		stored, created, err := f.PutMachine(ctx, m, match)
		want := m
		want.Version = wantVersion
		if err != nil || created != wantCreated || !reflect.DeepEqual(withoutTimes(stored), withoutTimes(want)) {
			t.Fatalf("PutMachine(%+v, %d) = %+v, %t, %v, want version %d, created %t", m, match, stored, created, err, wantVersion, wantCreated)
		}
		if stored.CreatedAt == 0 || stored.UpdatedAt < stored.CreatedAt {
			t.Fatalf("PutMachine: created at %d, updated at %d", stored.CreatedAt, stored.UpdatedAt)
		}
	}
	refuse := func(m factory.Machine, match factory.Match, want error) {
		t.Helper()
		if _, _, err := f.PutMachine(ctx, m, match); !errors.Is(err, want) {
			t.Fatalf("PutMachine(%+v, %d) = %v, want %v", m, match, err, want)
		}
	}
	refuse(press, factory.MatchAny, factory.ErrPrecondition)
	refuse(press, 1, factory.ErrPrecondition)
	put(press, factory.MatchNone, true, 1)
	put(press, factory.MatchAlways, false, 1) // nothing new
	refuse(press, factory.MatchNone, factory.ErrPrecondition)
	press.Line = "hoods"
	refuse(press, 7, factory.ErrPrecondition)
	put(press, 1, false, 2)
	put(press, factory.MatchAny, false, 2)
	delete(press.Attributes, "empty")
	put(press, 2, false, 3)
	press.Signals, press.IdealCycle = []byte(`{ "good": {"metric":"\u0000parts"} }`), 0.1
	put(press, 3, false, 4)
	press.IdealCycle = 1.5
	put(press, 4, false, 5)
	put(press, 5, false, 5)
	refuse(factory.Machine{ID: ""}, 0, factory.ErrInvalid)
	refuse(factory.Machine{ID: "x", Placement: factory.Placement{Site: "a/b"}}, 0, factory.ErrInvalid)

	f.append(factory.Reading{Machine: "press-4", Metric: "v", ObservedAt: 5, Value: 1}, factory.Reading{Machine: "press-4", Metric: "w", ObservedAt: 9, Value: 1},
		factory.Reading{Machine: "auto", Metric: "v", ObservedAt: 3, Value: 1})
	f.inAllStates(Limits{AutoRegister: true}, func() {
		want := press
		want.Version, want.LastSeen = 5, 9
		if got, err := f.Machine(ctx, "press-4"); err != nil || !reflect.DeepEqual(withoutTimes(got), withoutTimes(want)) {
			t.Errorf("Machine(press-4) = %+v, %v, want %+v", got, err, want)
		}
		if got, err := f.Machine(ctx, "auto"); err != nil || got.Version != 1 || got.LastSeen != 3 || got.CreatedAt == 0 {
			t.Errorf("Machine(auto) = %+v, %v, want version 1, last seen at 3", got, err)
		}
		if got, ok := f.Placement("press-4"); !ok || got != press.Placement {
			t.Errorf("Placement(press-4) = %+v, %t, want %+v", got, ok, press.Placement)
		}
		if _, ok := f.Placement("nobody"); ok {
			t.Error("Placement(nobody) is known")
		}
		if _, err := f.Machine(ctx, "nobody"); !errors.Is(err, factory.ErrNotFound) {
			t.Errorf("Machine(nobody) = %v, want ErrNotFound", err)
		}
	})
}

// testMachineList: filters and pages.
func testMachineList(t *testing.T, open Opener) {
	ctx := context.Background()
	f := newFixture(t, open)
	for i := range 30 {
		m := factory.Machine{ID: fmt.Sprintf("m-%02d", i), Placement: factory.Placement{Site: []string{"a", "b"}[i%2], Line: fmt.Sprint(i % 3)}}
		if _, _, err := f.PutMachine(ctx, m, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	f.append(factory.Reading{Machine: "other", Metric: "v", ObservedAt: 1, Value: 1})
	if err := f.DeleteMachine(ctx, "m-04", factory.MatchAlways, false); err != nil {
		t.Fatal(err)
	}
	list := func(q factory.MachineQuery) (ids []string) {
		t.Helper()
		f.readPages(func(cursor string) string {
			q.Cursor = cursor
			page, err := f.Machines(ctx, q)
			if err != nil || len(page.Machines) > q.Limit {
				t.Fatalf("Machines(%+v) = %d, %v", q, len(page.Machines), err)
			}
			for _, m := range page.Machines {
				ids = append(ids, m.ID)
			}
			return page.NextCursor
		})
		return ids
	}
	for _, limit := range []int{1, 4, 1000} {
		for _, tt := range []struct {
			q    factory.MachineQuery
			want string
		}{
			{factory.MachineQuery{Placement: factory.Placement{Site: "a", Line: "1"}}, "[m-10 m-16 m-22 m-28]"},
			{factory.MachineQuery{Prefix: "m-2", Placement: factory.Placement{Site: "b"}}, "[m-21 m-23 m-25 m-27 m-29]"},
			{factory.MachineQuery{Prefix: "m-0"}, "[m-00 m-01 m-02 m-03 m-05 m-06 m-07 m-08 m-09]"},
			{factory.MachineQuery{Prefix: "o"}, "[other]"},
			{factory.MachineQuery{Prefix: "x"}, "[]"},
		} {
			tt.q.Limit = limit
			if got := fmt.Sprint(list(tt.q)); got != tt.want {
				t.Errorf("Machines(%+v) = %s, want %s", tt.q, got, tt.want)
			}
		}
		if got := list(factory.MachineQuery{Limit: limit}); len(got) != 30 || !slices.IsSorted(got) {
			t.Errorf("Machines = %v, want 30 in order", got)
		}
	}
	for _, q := range []factory.MachineQuery{{Limit: 0}, {Limit: 1, Cursor: "x"}} {
		if _, err := f.Machines(ctx, q); !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("Machines(%+v) = %v, want ErrInvalid", q, err)
		}
	}
}

// testMetrics: metadata of metrics, and units in the results of queries.
func testMetrics(t *testing.T, open Opener) {
	ctx := context.Background()
	f := newFixture(t, open)
	metric := factory.Metric{
		Machine: "m", Name: "temperature", Unit: "Cel", Kind: factory.Gauge,
		ExpectedMin: new(-5.5), ExpectedMax: new(80.0), Retention: 48 * time.Hour,
	}
	if _, _, err := f.PutMetric(ctx, metric, factory.MatchAlways); !errors.Is(err, factory.ErrNotFound) {
		t.Fatalf("PutMetric of an unknown machine = %v, want ErrNotFound", err)
	}
	now := time.Now().UnixMilli()
	f.append(reading("parts", now, 1))
	for i, tt := range []struct {
		metric  factory.Metric
		match   factory.Match
		created bool
		version int64
		want    error
	}{
		{metric, factory.MatchAny, false, 0, factory.ErrPrecondition},
		{metric, factory.MatchNone, true, 1, nil},
		{metric, 1, false, 1, nil},
		{factory.Metric{Machine: "m", Name: "parts", Unit: "{parts}", Kind: factory.Counter, Retention: factory.KeepForever}, 1, false, 2, nil},
		{factory.Metric{Machine: "m", Name: "parts", Kind: "other"}, 2, false, 0, factory.ErrInvalid},
		{factory.Metric{Machine: "m", Name: "parts", Kind: factory.Counter}, 1, false, 0, factory.ErrPrecondition},
	} {
		stored, created, err := f.PutMetric(ctx, tt.metric, tt.match)
		if !errors.Is(err, tt.want) || err == nil && (created != tt.created || stored.Version != tt.version) {
			t.Fatalf("%d: PutMetric(%+v) = %+v, %t, %v, want created %t, version %d, %v", i, tt.metric, stored, created, err, tt.created, tt.version, tt.want)
		}
	}
	f.append(reading("temperature", now, 20))
	for _, enter := range []func(){func() {}, f.settle, func() { f.reopen(Limits{AutoRegister: true}) }} {
		enter()
		all, err := f.Metrics(ctx, "m")
		if err != nil || len(all) != 2 || all[0].Name != "parts" || all[0].Kind != factory.Counter || all[0].Retention != factory.KeepForever {
			t.Fatalf("Metrics = %+v, %v, want parts and temperature", all, err)
		}
		got, err := f.Metric(ctx, "m", "temperature")
		got.Version, got.CreatedAt, got.UpdatedAt = 0, 0, 0
		if err != nil || !reflect.DeepEqual(got, metric) {
			t.Errorf("Metric = %+v, %v, want %+v", got, err, metric)
		}
		if _, err := f.Metric(ctx, "m", "other"); !errors.Is(err, factory.ErrNotFound) {
			t.Errorf("Metric(other) = %v, want ErrNotFound", err)
		}
		page, err := f.Latest(ctx, factory.LatestQuery{Limit: 10})
		if err != nil || len(page.Readings) != 2 || page.Readings[1].Unit != "Cel" {
			t.Errorf("Latest = %+v, %v, want the unit Cel", page, err)
		}
		if history := f.history("m"); len(history) != 2 || history[0].Unit != "{parts}" || history[1].Unit != "Cel" {
			t.Errorf("History = %+v, want the units", history)
		}
		if buckets := f.buckets(factory.Every(time.Hour), nil); len(buckets) != 2 || buckets[0].Unit != "{parts}" || buckets[0].Kind != factory.Counter {
			t.Errorf("Buckets = %+v, want the units", buckets)
		}
	}
}

// testDeletion: a deleted machine is not listed but keeps its history; a
// purged machine loses it.
func testDeletion(t *testing.T, open Opener) {
	ctx := context.Background()
	f := newFixture(t, open)
	fill := func() {
		var batch []factory.Reading
		for i := range int64(50) {
			batch = append(batch, reading("a", i, float64(i)), factory.Reading{Machine: "n", Metric: "a", ObservedAt: i, Value: 1})
		}
		f.append(batch...)
	}
	fill()
	f.settle()
	fill()
	wantGone := func(readable bool) {
		t.Helper()
		if _, err := f.Machine(context.Background(), "m"); !errors.Is(err, factory.ErrNotFound) {
			t.Errorf("Machine(m) = %v, want ErrNotFound", err)
		}
		if _, err := f.Metrics(context.Background(), "m"); !errors.Is(err, factory.ErrNotFound) {
			t.Errorf("Metrics(m) = %v, want ErrNotFound", err)
		}
		if page, err := f.Machines(context.Background(), factory.MachineQuery{Limit: 10}); err != nil || len(page.Machines) != 1 || page.Machines[0].ID != "n" {
			t.Errorf("Machines = %+v, %v, want n alone", page, err)
		}
		if got := f.latest("", ""); len(got) != 1 || got[0].Machine != "n" {
			t.Errorf("Latest = %v, want that of n alone", got)
		}
		if stats := f.Stats(); stats.Machines != 1 {
			t.Errorf("Stats().Machines = %d, want 1", stats.Machines)
		}
		_, err := f.History(context.Background(), fullHistory("m"))
		if readable && (err != nil || len(f.history("m")[0].Points) != 50) || !readable && !errors.Is(err, factory.ErrNotFound) {
			t.Errorf("History(m) = %v, want readable %t", err, readable)
		}
	}
	if err := f.DeleteMachine(ctx, "m", 9, false); !errors.Is(err, factory.ErrPrecondition) {
		t.Fatalf("DeleteMachine with another version = %v, want ErrPrecondition", err)
	}
	if err := f.DeleteMachine(ctx, "m", 1, false); err != nil {
		t.Fatalf("DeleteMachine = %v", err)
	}
	if err := f.DeleteMachine(ctx, "m", factory.MatchAlways, false); !errors.Is(err, factory.ErrNotFound) {
		t.Errorf("DeleteMachine again = %v, want ErrNotFound", err)
	}
	f.inAllStates(Limits{}, func() {
		wantGone(true)
	})
	result, err := f.Append(ctx, []factory.Reading{reading("a", 100, 1)})
	if err != nil || len(result.Rejected) != 1 || !errors.Is(result.Rejected[0].Err, factory.ErrNotFound) {
		t.Errorf("Append to a deleted machine, registration off = %+v, %v, want it refused", result, err)
	}
	f.reopen(Limits{AutoRegister: true})
	f.append(reading("a", 100, 1)) // brings it back
	if got, err := f.Machine(ctx, "m"); err != nil || got.LastSeen != 100 || got.Version < 2 {
		t.Errorf("Machine(m) that is back = %+v, %v", got, err)
	}
	if got := f.history("m"); len(got[0].Points) != 51 {
		t.Errorf("history of the machine that is back has %d points, want 51", len(got[0].Points))
	}
	if err := f.DeleteMachine(ctx, "m", factory.MatchAlways, true); err != nil {
		t.Fatalf("DeleteMachine, purge = %v", err)
	}
	wantGone(false)
	f.append(reading("a", 7, 7)) // another machine of that name
	for _, enter := range []func(){func() {}, f.settle, func() { f.reopen(Limits{AutoRegister: true}) }, f.settle, func() { f.reopen(Limits{AutoRegister: true}) }} {
		enter()
		f.wantHistory("m", series("a", 7, 7))
		if got := f.history("n"); len(got[0].Points) != 50 {
			t.Errorf("history of the other machine has %d points, want 50", len(got[0].Points))
		}
	}
}

// testRetention: expired readings are rejected by Append and not returned by
// queries.
func testRetention(t *testing.T, open Opener) {
	ctx := context.Background()
	const hour = 3_600_000
	clock := newClock(1_000 * hour)
	limits := Limits{AutoRegister: true, Retention: 10 * time.Hour, Now: clock.now}
	f := openFixture(t, t, open, limits)
	var batch []factory.Reading
	for at := int64(990 * hour); at <= 1_000*hour; at += hour / 4 {
		batch = append(batch, reading("default", at, 1), reading("short", at, 1), reading("ever", at, 1))
	}
	f.append(batch...)
	for metric, retention := range map[string]time.Duration{"short": time.Hour, "ever": factory.KeepForever} {
		if _, _, err := f.PutMetric(ctx, factory.Metric{Machine: "m", Name: metric, Kind: factory.Gauge, Retention: retention}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	count := func() string {
		t.Helper()
		counts := map[string]int{}
		for _, s := range f.history("m") {
			counts[s.Metric] = len(s.Points)
		}
		for _, s := range f.buckets(factory.Every(24*time.Hour), nil) {
			total := int64(0)
			for _, b := range s.Buckets {
				total += b.Count
			}
			if total != int64(counts[s.Metric]) {
				t.Errorf("buckets of %s have %d points, history %d", s.Metric, total, counts[s.Metric])
			}
		}
		return fmt.Sprint(counts["default"], counts["short"], counts["ever"])
	}
	want := func(want string) {
		t.Helper()
		f.inAllStates(limits, func() {
			if got := count(); got != want {
				t.Errorf("points of default, short, ever = %s, want %s", got, want)
			}
		})
	}
	want("41 5 41")
	clock.at.Add(hour)
	want("37 1 41")
	result, err := f.Append(ctx, []factory.Reading{
		reading("default", 990*hour, 1), reading("default", 991*hour, 2), reading("short", 999*hour, 1), reading("ever", 1, 1), reading("new", 990*hour, 1),
	})
	if err != nil || result.Accepted != 2 || len(result.Rejected) != 3 || !errors.Is(result.Rejected[0].Err, factory.ErrInvalid) {
		t.Errorf("Append of old readings = %+v, %v, want those of default at 991 h and of ever", result, err)
	}
	want("37 1 42")
	clock.at.Add(20 * hour)
	want("0 0 42")
	if got := f.latest("m", ""); len(got) != 1 || got[0].Metric != "ever" {
		t.Errorf("Latest = %v, want that of ever alone", got)
	}
	f.append(reading("short", 1_021*hour, 5))
	want("0 1 42")
}
