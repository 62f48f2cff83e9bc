//go:build integration

package postgres_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store"
	"smart-factory-backend/app/store/postgres"
)

// Expired texts are deleted, except for the one that was in force when the others
// expired, and for the newest event of all.
func TestIntegrationEventRetention(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	var now atomic.Int64
	now.Store(benchBegin)
	o := testOptions(t)
	o.EventRetention = store.EventRetention{Text: 30 * day}
	s := mustOpen(t, o.WithTuning(postgres.Tuning{MaintenanceInterval: time.Hour, Now: func() time.Time { return time.UnixMilli(now.Load()) }}))
	text := func(subject, id string, at int64) factory.Event {
		return factory.Event{Machine: "m", Kind: factory.EventText, Subject: subject, ID: id, ObservedAt: at, Data: []byte(`{}`)}
	}
	after := func(days int64) { now.Add(days * day.Milliseconds()) }
	want := func(when string, ids ...string) {
		t.Helper()
		if err := s.RunMaintenance(t.Context()); err != nil {
			t.Fatal(err)
		}
		events, err := s.EventsAfter(t.Context(), factory.LogQuery{Limit: 100})
		var got []string
		for _, e := range events {
			got = append(got, e.ID)
		}
		if err != nil || !slices.Equal(got, ids) {
			t.Errorf("%s: events %q, %v, want %q", when, got, err, ids)
		}
	}
	correction := text("product", "corrected", 1)
	correction.Replaces = "wrong"
	mustWrite(t, s, stateEvent("m", "state"), text("recipe", "a", 1), text("recipe", "late", 0), text("product", "wrong", 50), correction, text("recipe", "b", 2))
	after(20)
	mustWrite(t, s, text("recipe", "c", 3), text("product", "p", 5))
	want("nothing has expired", "state", "a", "late", "wrong", "corrected", "b", "c", "p")
	after(11)
	want("some have expired", "state", "wrong", "corrected", "b", "c", "p")
	mustWrite(t, s, stateEvent("m", "last"))
	after(20)
	want("all have expired", "state", "wrong", "corrected", "c", "p", "last")
	after(31)
	mustWrite(t, s, text("recipe", "d", 4))
	after(31)
	want("the newest of all has expired", "state", "wrong", "corrected", "p", "last", "d")
	if seq := mustWrite(t, s, text("recipe", "e", 5))[0].Seq; seq != 11 {
		t.Errorf("the next event has the seq %d, want 11", seq)
	}
}

// A round that ends early continues with the next one; events are looked at in
// batches.
func TestIntegrationEventRetentionInBatches(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(benchBegin)
	o := testOptions(t)
	o.EventRetention = store.EventRetention{Other: time.Hour}
	s := mustOpen(t, o.WithTuning(postgres.Tuning{MaintenanceInterval: time.Hour, Now: func() time.Time { return time.UnixMilli(now.Load()) }}))
	var events []factory.Event
	for i := range 12_000 {
		events = append(events, stateEvent(fmt.Sprint("m", i%3), fmt.Sprint(i)))
	}
	mustWrite(t, s, events...)
	now.Add(2 * time.Hour.Milliseconds())
	if err := s.RunMaintenance(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := s.EventsAfter(t.Context(), factory.LogQuery{Limit: 100})
	if err != nil || len(left) != 3 || left[2].Seq != 12_000 {
		t.Errorf("%d events are left, %v, want the last one of each machine", len(left), err)
	}
}
