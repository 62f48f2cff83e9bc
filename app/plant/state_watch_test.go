package plant_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

// replica is a process that watches the states in a store.
type replica struct {
	feed *plant.Feed
	stop func()
}

func startReplica(t *testing.T, store factory.Store) *replica {
	t.Helper()
	now := func() int64 { return time.Now().UnixMilli() }
	watch := plant.NewStateWatch(store, now, func(err error) { t.Error(err) })
	r := &replica{feed: plant.NewFeed(store, watch)}
	r.feed.Follow(watch)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.feed.Run(ctx) })
	wg.Go(func() { _ = watch.Run(ctx) })
	r.stop = func() { cancel(); wg.Wait() }
	return r
}

func (r *replica) append(t *testing.T, metric string, value float64) {
	t.Helper()
	reading := factory.Reading{Machine: "m", Metric: metric, ObservedAt: time.Now().UnixMilli(), Value: value}
	if _, err := r.feed.Append(context.Background(), []factory.Reading{reading}); err != nil {
		t.Fatal(err)
	}
}

// states returns the states that the signal has told since start, in order of Seq.
func states(t *testing.T, store factory.Store, start time.Time) string {
	t.Helper()
	events, err := store.EventsAfter(context.Background(), factory.LogQuery{Kinds: []factory.EventKind{factory.EventState}, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range events {
		if e.Subject == timeline.SubjectSignal {
			texts = append(texts, fmt.Sprintf("%d %s", (e.ObservedAt-start.UnixMilli())/1000, strings.Split(string(e.Data), `"`)[3]))
		}
	}
	return strings.Join(texts, ", ")
}

func TestStateWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Options{AutoRegister: true})
		start := time.Now()
		a, b := startReplica(t, store), startReplica(t, store)
		machine := factory.Machine{ID: "m", Signals: []byte(`{"state":{"metric":"s","map":"boolean"},"offline_after":"30s"}`)}
		if _, _, err := a.feed.PutMachine(context.Background(), machine, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
		second := func() { <-time.After(time.Second); synctest.Wait() }
		second()
		for i, value := range []float64{1, 1, 0, 0, 1, 0, 1, 1} { // seconds 1 to 8, at both replicas in turn
			[]*replica{a, b}[i%2].append(t, "s", value)
			second()
		}
		want := "1 running, 3 idle, 5 running, 6 idle, 7 running"
		if got := states(t, store, start); got != want {
			t.Errorf("states = %s\nwant     %s", got, want)
		}
		// A posted event needs no other; the signal counts again when it changes.
		write(t, store, factory.Event{Machine: "m", Kind: factory.EventState, ObservedAt: time.Now().UnixMilli(), Data: []byte(`{"state":"setup"}`)})
		second()
		a.append(t, "s", 1)
		second()
		b.append(t, "s", 0) // second 11
		for range 60 {
			second()
		}
		want += ", 11 idle, 11 offline"
		if got := states(t, store, start); got != want {
			t.Errorf("after silence: states = %s\nwant     %s", got, want)
		}
		a.stop()
		b.stop()
		if _, err := store.Append(context.Background(), []factory.Reading{
			{Machine: "m", Metric: "other", ObservedAt: time.Now().UnixMilli(), Value: 1}, // second 71
			{Machine: "m", Metric: "s", ObservedAt: time.Now().UnixMilli() + 5000, Value: 1},
		}); err != nil {
			t.Fatal(err)
		}
		c := startReplica(t, store) // finds what nobody has seen
		defer c.stop()
		second()
		want += ", 71 idle"
		if got := states(t, store, start); got != want {
			t.Errorf("after a start: states = %s\nwant     %s", got, want)
		}
		c.append(t, "other", 2)
		for range 6 {
			second()
		}
		c.append(t, "s", 1)
		second()
		want += ", 76 running"
		if got := states(t, store, start); got != want {
			t.Errorf("a clock ahead: states = %s\nwant     %s", got, want)
		}
	})
}

func TestStateWatchCountsUnmappedStates(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{AutoRegister: true})
	machine := factory.Machine{ID: "m", Signals: []byte(`{"state":{"metric":"s","map":{"1":"running"}}}`)}
	if _, _, err := store.PutMachine(context.Background(), machine, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	watch := plant.NewStateWatch(store, func() int64 { return beginning }, func(error) {})
	if err := watch.EventsBegin(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	watch.ReadingsStored([]factory.Reading{
		{Machine: "m", Metric: "s", Value: 1},
		{Machine: "m", Metric: "s", Value: 2},
		{Machine: "m", Metric: "s", Text: new("1")},
		{Machine: "m", Metric: "s", Text: new("x")},
		{Machine: "m", Metric: "other", Value: 3},
		{Machine: "n", Metric: "s", Value: 3},
	}, nil)
	if n := watch.UnmappedStates(); n != 2 {
		t.Errorf("%d unmapped states, want 2", n)
	}
}
