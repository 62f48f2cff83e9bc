package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"smart-factory-backend/app/factory"
)

// Events are returned as they were written, in order of time and then of Seq.
func testEvents(t *testing.T, open Opener) {
	var stored []factory.WrittenEvent
	checkInAllStates(t, open, func(f *fixture) {
		stored = f.record(
			factory.Event{
				Machine: "m", Kind: factory.EventText, Subject: "recipe", ObservedAt: 20, ID: "ü%", By: "line engineer",
				Data: []byte(`{ "value": "\u0000é", "n": 1.50 }`),
			},
			event("m", "", 10),
			factory.Event{Kind: factory.EventAudit, Subject: "shift/early", ObservedAt: -5, ID: "x", Data: []byte("{}")},
		)
		for i, e := range stored {
			if e.Seq <= 0 || e.ReceivedAt == 0 || e.ID == "" || e.Repeated || i > 0 && e.Seq <= stored[i-1].Seq {
				t.Errorf("Write = %+v as event %d, want a greater seq, a time and an id", e, i)
			}
		}
	}, func(f *fixture) {
		want := []factory.Event{stored[2].Event, stored[1].Event, stored[0].Event}
		if got := f.events(factory.EventQuery{}); !reflect.DeepEqual(got, want) {
			t.Errorf("Events():\ngot  %+v\nwant %+v", got, want)
		}
		if last, err := f.LastSeq(context.Background()); err != nil || last != stored[2].Seq {
			t.Errorf("LastSeq() = %d, %v, want %d", last, err, stored[2].Seq)
		}
	})
}

func testEventQueries(t *testing.T, open Opener) {
	of := func(machine string, kind factory.EventKind, subject, id string, at int64) factory.Event {
		e := event(machine, id, at)
		e.Kind, e.Subject = kind, subject
		return e
	}
	checkInAllStates(t, open, func(f *fixture) {
		f.record(
			of("a", factory.EventState, "", "1", 30), of("a", factory.EventText, "x", "2", 10), of("b", factory.EventState, "", "3", 20),
			of("a", factory.EventText, "y", "4", 20), of("", factory.EventAudit, "x", "5", 20), of("a", factory.EventState, "", "6", 30),
		)
	}, func(f *fixture) {
		all := int64(math.MaxInt64)
		for _, tt := range []struct {
			name string
			q    factory.EventQuery
			want []string
		}{
			{"all", factory.EventQuery{From: math.MinInt64, To: all}, []string{"2", "3", "4", "5", "1", "6"}},
			{"descending", factory.EventQuery{From: math.MinInt64, To: all, Descending: true}, []string{"6", "1", "5", "4", "3", "2"}},
			{"from is inclusive, to exclusive", factory.EventQuery{From: 20, To: 30}, []string{"3", "4", "5"}},
			{"machine", factory.EventQuery{Machine: "a", From: 0, To: all}, []string{"2", "4", "1", "6"}},
			{"machine and kind", factory.EventQuery{Machine: "a", Kinds: []factory.EventKind{factory.EventText}, To: all}, []string{"2", "4"}},
			{"kinds", factory.EventQuery{Kinds: []factory.EventKind{factory.EventText, factory.EventAudit}, To: all}, []string{"2", "4", "5"}},
			{"subject", factory.EventQuery{Subject: "x", To: all}, []string{"2", "5"}},
			{"machine, kind and subject", factory.EventQuery{Machine: "a", Kinds: []factory.EventKind{factory.EventText}, Subject: "y", To: all}, []string{"4"}},
			{"unknown machine", factory.EventQuery{Machine: "c", To: all}, nil},
			{"empty range", factory.EventQuery{From: 30, To: 30}, nil},
		} {
			f.wantIDs("Events with "+tt.name, f.events(tt.q), tt.want...)
		}
	})
}

func testEventPaging(t *testing.T, open Opener) {
	f := newFixture(t, open)
	var events []factory.Event
	for i := range 30 {
		events = append(events, event(fmt.Sprintf("m%d", i%2), fmt.Sprint(i), int64(i/4)-3))
	}
	f.record(events...)
	for _, q := range []factory.EventQuery{{}, {Machine: "m1"}, {Kinds: []factory.EventKind{factory.EventState}}} {
		for _, q.Descending = range []bool{false, true} {
			want := ids(f.events(q))
			for _, limit := range []int{1, 2, 7, 30} {
				q := q
				q.From, q.To, q.Limit = math.MinInt64, math.MaxInt64, limit
				var got []factory.Event
				f.readPages(func(cursor string) string {
					q.Cursor = cursor
					page, err := f.Events(context.Background(), q)
					if err != nil || len(page.Events) > limit {
						t.Fatalf("Events(%+v) = %d events, %v", q, len(page.Events), err)
					}
					got = append(got, page.Events...)
					return page.NextCursor
				})
				f.wantIDs(fmt.Sprintf("Events(%+v) by page", q), got, want...)
			}
		}
	}
}

func testLatestEvents(t *testing.T, open Opener) {
	text := func(machine, metric, id string, at int64) factory.Event {
		return factory.Event{Machine: machine, Kind: factory.EventText, Subject: metric, ID: id, ObservedAt: at, Data: []byte("{}")}
	}
	replacing := text("a", "y", "y3", 35)
	replacing.Replaces = "y2"
	checkInAllStates(t, open, func(f *fixture) {
		f.record(
			text("b", "x", "b1", 10), text("a", "y", "y1", 20), text("a", "x", "x1", 30), text("a", "x", "late", 20),
			text("a", "x", "same time", 30), event("a", "state", 99), text("a", "y", "y2", 40), replacing,
		)
	}, func(f *fixture) {
		for _, tt := range []struct {
			name string
			q    factory.LatestEventQuery
			want []string
		}{
			{"all", factory.LatestEventQuery{}, []string{"same time", "y3", "b1"}},
			{"machine", factory.LatestEventQuery{Machine: "a"}, []string{"same time", "y3"}},
			{"machine and subject", factory.LatestEventQuery{Machine: "a", Subject: "y"}, []string{"y3"}},
			{"before", factory.LatestEventQuery{Before: 30}, []string{"late", "y1", "b1"}},
			{"before all", factory.LatestEventQuery{Before: 10}, nil},
			{"unknown machine", factory.LatestEventQuery{Machine: "c"}, nil},
		} {
			tt.q.Kind = factory.EventText
			got, err := f.LatestEvents(context.Background(), tt.q)
			if err != nil {
				t.Fatalf("LatestEvents(%+v) = %v", tt.q, err)
			}
			f.wantIDs("LatestEvents with "+tt.name, got, tt.want...)
		}
	})
}

func testEventsAfter(t *testing.T, open Opener) {
	f := newFixture(t, open)
	if last, err := f.LastSeq(context.Background()); err != nil || last != 0 {
		t.Errorf("LastSeq() of an empty journal = %d, %v, want 0", last, err)
	}
	note := event("a", "3", 1)
	note.Kind = factory.EventNote
	replacing := event("a", "4", 3)
	replacing.Replaces = "1"
	stored := f.record(event("a", "1", 9), event("b", "2", 5), note, replacing)
	after := func(q factory.LogQuery) []factory.Event {
		events, err := f.EventsAfter(context.Background(), q)
		if err != nil {
			t.Fatalf("EventsAfter(%+v) = %v", q, err)
		}
		return events
	}
	f.wantIDs("EventsAfter(0)", after(factory.LogQuery{Limit: 9}), "1", "2", "3", "4")
	f.wantIDs("EventsAfter(0) with limit 2", after(factory.LogQuery{Limit: 2}), "1", "2")
	f.wantIDs("EventsAfter(second)", after(factory.LogQuery{After: stored[1].Seq, Limit: 9}), "3", "4")
	f.wantIDs("EventsAfter of a machine", after(factory.LogQuery{Machine: "a", Limit: 9}), "1", "3", "4")
	f.wantIDs("EventsAfter of a kind", after(factory.LogQuery{Kinds: []factory.EventKind{factory.EventNote}, Limit: 9}), "3")
	f.wantIDs("EventsAfter(last)", after(factory.LogQuery{After: stored[3].Seq, Limit: 9}))
	f.wantIDs("EventsAfter(future)", after(factory.LogQuery{After: math.MaxInt64, Limit: 9}))
}

func testBadJournalQueries(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.record(event("m", "1", 1), event("m", "2", 2))
	f.put(factory.DocumentShift, "1", "{}")
	f.put(factory.DocumentShift, "2", "{}")
	j, ctx := f.Store, context.Background()
	events, err := j.Events(ctx, factory.EventQuery{To: 9, Limit: 1})
	if err != nil || events.NextCursor == "" {
		t.Fatalf("Events() = %+v, %v, want a cursor", events, err)
	}
	documents, err := j.Documents(ctx, factory.DocumentQuery{Kind: factory.DocumentShift, Limit: 1})
	if err != nil || documents.NextCursor == "" {
		t.Fatalf("Documents() = %+v, %v, want a cursor", documents, err)
	}
	for name, query := range map[string]func() error{
		"event cursor of a list of documents": func() error {
			_, err := j.Events(ctx, factory.EventQuery{Cursor: documents.NextCursor, To: 9, Limit: 1})
			return err
		},
		"document cursor of a list of events": func() error {
			_, err := j.Documents(ctx, factory.DocumentQuery{Kind: factory.DocumentShift, Cursor: events.NextCursor, Limit: 1})
			return err
		},
		"invented cursor": func() error {
			_, err := j.Events(ctx, factory.EventQuery{Cursor: "AAAA", To: 9, Limit: 1})
			return err
		},
		"limit 0 of events": func() error {
			_, err := j.Events(ctx, factory.EventQuery{To: 9})
			return err
		},
		"limit 0 of documents": func() error {
			_, err := j.Documents(ctx, factory.DocumentQuery{Kind: factory.DocumentShift})
			return err
		},
		"limit 0 of the log": func() error {
			_, err := j.EventsAfter(ctx, factory.LogQuery{})
			return err
		},
	} {
		if err := query(); !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("query with %s = %v, want ErrInvalid", name, err)
		}
	}
}
