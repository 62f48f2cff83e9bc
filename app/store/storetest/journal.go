package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
)

// RunJournal checks that the stores that open returns fulfill the contract of
// factory.Journal.
func RunJournal(t *testing.T, open Opener) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"Documents", testDocuments},
		{"DocumentConditions", testDocumentConditions},
		{"DocumentVersionsAfterDeletion", testDocumentVersionsAfterDeletion},
		{"DocumentList", testDocumentList},
		{"Events", testEvents},
		{"EventQueries", testEventQueries},
		{"EventPaging", testEventPaging},
		{"LatestEvents", testLatestEvents},
		{"EventsAfter", testEventsAfter},
		{"RepeatedEvents", testRepeatedEvents},
		{"ReplacedEvents", testReplacedEvents},
		{"FollowedEvents", testFollowedEvents},
		{"BatchIsAtomic", testBatchIsAtomic},
		{"BadBatches", testBadBatches},
		{"BadJournalQueries", testBadJournalQueries},
		{"WaitEvents", testWaitEvents},
		{"ConcurrentFollowers", testConcurrentFollowers},
		{"ConcurrentWriters", testConcurrentWriters},
		{"JournalAfterClose", testJournalAfterClose},
		{"JournalCanceledContext", testJournalCanceledContext},
		{"RandomJournal", testRandomJournal},
		{"Audits", testAudits},
		{"LargeBatches", testLargeBatches},
		{"RegistryDocuments", testRegistryDocuments},
		{"PurgeRemovesEvents", testPurgeRemovesEvents},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open)
		})
	}
}

// write writes a batch, which must succeed.
func (f *fixture) write(batch factory.JournalBatch) factory.JournalResult {
	f.t.Helper()
	result, err := f.Write(context.Background(), batch)
	if err != nil {
		f.t.Fatalf("Write(%+v) = %v", batch, err)
	}
	return result
}

// put writes one document, which must succeed.
func (f *fixture) put(kind factory.DocumentKind, id, data string) factory.WrittenDocument {
	f.t.Helper()
	return f.write(factory.JournalBatch{Documents: []factory.DocumentChange{{Kind: kind, ID: id, Data: []byte(data)}}}).Documents[0]
}

// record appends events, which must succeed, and returns them as stored.
func (f *fixture) record(events ...factory.Event) []factory.WrittenEvent {
	f.t.Helper()
	return f.write(factory.JournalBatch{Events: events}).Events
}

// refuse requires that a batch is refused with an error of the kind, which belongs to
// the given entry, and that nothing of it was stored.
func (f *fixture) refuse(batch factory.JournalBatch, kind error, document, event int) {
	f.t.Helper()
	before := f.log()
	_, err := f.Write(context.Background(), batch)
	var entry *factory.EntryError
	if !errors.Is(err, kind) || !errors.As(err, &entry) || entry.Document != document || entry.Event != event {
		f.t.Fatalf("Write(%+v) = %v, want %v of document %d and event %d", batch, err, kind, document, event)
	}
	if after := f.log(); !reflect.DeepEqual(before, after) {
		f.t.Fatalf("the refused batch changed the events:\n%v\n%v", before, after)
	}
}

// log returns all events in the order in which they were accepted.
func (f *fixture) log() []factory.Event {
	f.t.Helper()
	events, err := f.EventsAfter(context.Background(), factory.LogQuery{Limit: 1 << 20})
	if err != nil {
		f.t.Fatalf("EventsAfter() = %v", err)
	}
	return events
}

// events returns the events that a query selects, without limit unless it sets one.
func (f *fixture) events(q factory.EventQuery) []factory.Event {
	f.t.Helper()
	if q.To == 0 {
		q.From, q.To = math.MinInt64, math.MaxInt64
	}
	q.Limit = 1 << 20
	page, err := f.Events(context.Background(), q)
	if err != nil || page.NextCursor != "" {
		f.t.Fatalf("Events(%+v) = cursor %q, %v, want one page", q, page.NextCursor, err)
	}
	return page.Events
}

// event returns a state event of a machine.
func event(machine, id string, at int64) factory.Event {
	return factory.Event{Machine: machine, Kind: factory.EventState, ID: id, ObservedAt: at, Data: []byte(`{"state":"running"}`)}
}

// ids returns the ids of events.
func ids(events []factory.Event) []string {
	found := []string{}
	for _, e := range events {
		found = append(found, e.ID)
	}
	return found
}

// wantIDs fails the test unless events have the ids, in order.
func (f *fixture) wantIDs(what string, events []factory.Event, want ...string) {
	f.t.Helper()
	if got := ids(events); !slices.Equal(got, want) {
		f.t.Errorf("%s = %q, want %q", what, got, want)
	}
}

func sameDocument(a, b factory.Document) error {
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("got %+v (%s), want %+v (%s)", a, a.Data, b, b.Data)
	}
	return nil
}
