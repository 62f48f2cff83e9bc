package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
)

// testRegistryDocuments: machines and metrics are documents, which only the registry
// changes.
func testRegistryDocuments(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.append(reading("v", 1, 1), factory.Reading{Machine: "n", Metric: "w", ObservedAt: 1, Value: 1})
	machine := factory.Machine{
		ID: "m", Name: "Press", Placement: factory.Placement{Site: "north", Line: "1"}, Attributes: map[string]string{"a": "<b>"},
		IdealCycle: 0.1, Signals: []byte(`{ "good":{"metric":"a&b"}}`),
	}
	if _, _, err := f.PutMachine(context.Background(), machine, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	metric := factory.Metric{Machine: "m", Name: "v", Unit: "Cel", Kind: factory.Counter, ExpectedMin: new(-0.1), Retention: factory.KeepForever}
	if _, _, err := f.PutMetric(context.Background(), metric, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	machine.Signals = []byte(`{`)
	if _, _, err := f.PutMachine(context.Background(), machine, factory.MatchAlways); !errors.Is(err, factory.ErrInvalid) {
		t.Errorf("PutMachine with signals that are not JSON = %v, want ErrInvalid", err)
	}
	for _, kind := range []factory.DocumentKind{factory.DocumentMachine, factory.DocumentMetric} {
		f.refuse(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: kind, ID: "m", Data: []byte("{}")}}}, factory.ErrInvalid, 0, -1)
	}
	metricID := factory.MetricDocumentID("m", "v")
	f.inAllStates(Limits{AutoRegister: true}, func() {
		for _, want := range []struct {
			kind    factory.DocumentKind
			id      string
			version int64
			data    string
		}{
			{factory.DocumentMachine, "m", 2, `{"name":"Press","site":"north","area":"","line":"1","attributes":{"a":"<b>"},"ideal_cycle_s":0.1,"signals":{"good":{"metric":"a&b"}}}`},
			{factory.DocumentMetric, metricID, 2, `{"machine":"m","metric":"v","unit":"Cel","kind":"counter","expected_min":-0.1,"retention_s":-1}`},
			{factory.DocumentMetric, factory.MetricDocumentID("n", "w"), 1, `{"machine":"n","metric":"w","unit":"","kind":"gauge"}`},
		} {
			d, err := f.Document(context.Background(), want.kind, want.id)
			if err != nil || d.Version != want.version || d.CreatedAt == 0 || d.UpdatedAt < d.CreatedAt || !sameJSON(d.Data, want.data) {
				t.Errorf("Document(%s, %q) = %+v (%s), %v, want version %d and %s", want.kind, want.id, d, d.Data, err, want.version, want.data)
			}
		}
		f.wantDocuments(factory.DocumentQuery{Kind: factory.DocumentMachine, Limit: 10}, "m", "n")
		f.wantDocuments(factory.DocumentQuery{Kind: factory.DocumentMachine, Members: map[string]string{"site": "north"}, Limit: 10}, "m")
		f.wantDocuments(factory.DocumentQuery{Kind: factory.DocumentMetric, Prefix: "m", Limit: 10}, metricID)
		f.wantDocuments(factory.DocumentQuery{Kind: factory.DocumentMetric, Limit: 1}, metricID)
	})
	if err := f.DeleteMachine(context.Background(), "m", factory.MatchAlways, false); err != nil {
		t.Fatal(err)
	}
	f.wantDocuments(factory.DocumentQuery{Kind: factory.DocumentMachine, Limit: 10}, "n")
	if _, err := f.Document(context.Background(), factory.DocumentMachine, "m"); !errors.Is(err, factory.ErrNotFound) {
		t.Errorf("Document of a deleted machine = %v, want ErrNotFound", err)
	}
}

func (f *fixture) wantDocuments(q factory.DocumentQuery, want ...string) {
	f.t.Helper()
	page, err := f.Documents(context.Background(), q)
	var got []string
	for _, d := range page.Documents {
		got = append(got, d.ID)
	}
	if err != nil || !slices.Equal(got, want) {
		f.t.Errorf("Documents(%+v) = %q, %v, want %q", q, got, err, want)
	}
}

// sameJSON compares values, regardless of spelling.
func sameJSON(got []byte, want string) bool {
	var a, b any
	return json.Unmarshal(got, &a) == nil && json.Unmarshal([]byte(want), &b) == nil && reflect.DeepEqual(a, b)
}

// testPurgeRemovesEvents: a purge removes the events of the machine, and seq still
// grows.
func testPurgeRemovesEvents(t *testing.T, open Opener) {
	ctx := context.Background()
	f := newFixture(t, open)
	f.append(reading("v", 1, 1))
	f.record(event("n", "1", 1), event("m", "1", 1))
	f.record(factory.Event{Machine: "m", Kind: factory.EventState, ID: "2", Replaces: "1", ObservedAt: 2, Data: []byte("{}")})
	last := f.record(factory.Event{Machine: "m", Kind: factory.EventState, ID: "3", Follows: 1, ObservedAt: 2, Data: []byte("{}")})[0].Seq
	if err := f.DeleteMachine(ctx, "m", factory.MatchAlways, false); err != nil {
		t.Fatal(err)
	}
	f.wantIDs("events of the deleted machine", f.events(factory.EventQuery{Machine: "m"}), "2", "3")
	if err := f.DeleteMachine(ctx, "m", 99, true); !errors.Is(err, factory.ErrPrecondition) {
		t.Fatalf("DeleteMachine with another version = %v, want ErrPrecondition", err)
	}
	f.wantIDs("events after a purge that was refused", f.events(factory.EventQuery{Machine: "m"}), "2", "3")
	if err := f.DeleteMachine(ctx, "m", factory.MatchAlways, true); err != nil {
		t.Fatal(err)
	}
	f.inAllStates(Limits{AutoRegister: true}, func() {
		f.wantIDs("events of the purged machine", f.events(factory.EventQuery{Machine: "m"}))
		f.wantIDs("events of the other machine", f.events(factory.EventQuery{Machine: "n"}), "1")
	})
	for _, e := range f.record(event("m", "2", 5), factory.Event{Machine: "m", Kind: factory.EventState, ID: "3", Follows: 1, Replaces: "2", Data: []byte("{}")}) {
		if e.Repeated || e.Seq <= last {
			t.Errorf("event %q has the seq %d after %d, repeated %t", e.ID, e.Seq, last, e.Repeated)
		}
	}
}
