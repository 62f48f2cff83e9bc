package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

// The store under test and the store in memory agree on any sequence of batches.
func testRandomJournal(t *testing.T, open Opener) {
	rapid.Check(t, func(r *rapid.T) {
		limits := Limits{AutoRegister: true}
		f := openFixture(t, r, open, limits)
		model := memory.New(limits)
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			batch := drawJournalBatch(r)
			got, gotErr := f.Write(context.Background(), batch)
			want, wantErr := model.Write(context.Background(), batch)
			if errorKind(gotErr) != errorKind(wantErr) {
				r.Fatalf("Write(%+v) = %v, want %v", batch, gotErr, wantErr)
			}
			if !reflect.DeepEqual(withoutOrigin(got), withoutOrigin(want)) {
				r.Fatalf("Write(%+v)\ngot  %+v\nwant %+v", batch, got, want)
			}
			if rapid.IntRange(0, 9).Draw(r, "reopen") == 0 {
				f.reopen(limits)
			}
		}
		for _, q := range []factory.EventQuery{{}, {Machine: "a"}, {Descending: true}, {Kinds: []factory.EventKind{factory.EventNote}}} {
			q.From, q.To, q.Limit = math.MinInt64, math.MaxInt64, 1000
			page, err := model.Events(context.Background(), q)
			if err != nil {
				r.Fatal(err)
			}
			f.wantIDs(fmt.Sprintf("Events(%+v)", q), f.events(q), ids(page.Events)...)
		}
	})
}

// drawJournalBatch draws a batch of few ids, so that many of them meet.
func drawJournalBatch(r *rapid.T) factory.JournalBatch {
	var batch factory.JournalBatch
	id := rapid.SampledFrom([]string{"1", "2", "3", "4"})
	for range rapid.IntRange(0, 2).Draw(r, "documents") {
		change := factory.DocumentChange{
			Kind: factory.DocumentProduct, ID: id.Draw(r, "document"),
			Match: factory.Match(rapid.IntRange(-2, 3).Draw(r, "match")),
		}
		if rapid.IntRange(0, 4).Draw(r, "delete") != 0 {
			change.Data = fmt.Appendf(nil, `{"v":%d}`, rapid.IntRange(0, 2).Draw(r, "content"))
		}
		batch.Documents = append(batch.Documents, change)
	}
	for range rapid.IntRange(0, 4).Draw(r, "events") {
		e := event(rapid.SampledFrom([]string{"a", "b"}).Draw(r, "machine"), id.Draw(r, "event"), rapid.Int64Range(-2, 2).Draw(r, "at"))
		if rapid.Bool().Draw(r, "note") {
			e.Kind = factory.EventNote
		}
		if rapid.IntRange(0, 3).Draw(r, "replace") == 0 {
			e.Replaces = id.Draw(r, "replaces")
		}
		if rapid.IntRange(0, 3).Draw(r, "follow") == 0 {
			e.Follows = 1
		}
		batch.Events = append(batch.Events, e)
	}
	return batch
}

// withoutOrigin returns a result without what differs between two stores.
func withoutOrigin(result factory.JournalResult) factory.JournalResult {
	for i := range result.Documents {
		result.Documents[i].CreatedAt, result.Documents[i].UpdatedAt = 0, 0
	}
	for i := range result.Events {
		result.Events[i].Seq, result.Events[i].ReceivedAt = 0, 0
	}
	return result
}

// errorKind returns the kind of err and the entry that it belongs to.
func errorKind(err error) string {
	var entry *factory.EntryError
	if !errors.As(err, &entry) {
		return fmt.Sprint(err)
	}
	for _, kind := range []error{factory.ErrInvalid, factory.ErrNotFound, factory.ErrConflict, factory.ErrPrecondition} {
		if errors.Is(err, kind) {
			return fmt.Sprint(kind, entry.Document, entry.Event)
		}
	}
	return fmt.Sprint(err)
}
