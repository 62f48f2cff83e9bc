package storetest

import (
	"fmt"
	"testing"

	"smart-factory-backend/app/factory"
)

// testLargeBatches: what holds for one event holds for each of hundreds in a batch.
func testLargeBatches(t *testing.T, open Opener) {
	const size = 300
	f := newFixture(t, open)
	batch := func(change func(i int, e *factory.Event)) (events []factory.Event) {
		for i := range size {
			e := event("m", fmt.Sprint(i), int64(i))
			change(i, &e)
			events = append(events, e)
		}
		return events
	}
	first := f.record(batch(func(int, *factory.Event) {})...)
	for i, e := range f.record(batch(func(int, *factory.Event) {})...) {
		if !e.Repeated || e.Seq != first[i].Seq {
			t.Fatalf("event %d = %+v, want the repeated event %d", i, e, first[i].Seq)
		}
	}
	f.refuse(factory.JournalBatch{Events: batch(func(i int, e *factory.Event) {
		e.ID = fmt.Sprint("new ", i)
		if i == 200 {
			e.ID, e.Subject = "7", "other"
		}
	})}, factory.ErrConflict, -1, 200)
	f.refuse(factory.JournalBatch{Events: batch(func(i int, e *factory.Event) {
		e.ID, e.Follows = fmt.Sprint("new ", i), int64(1+i%299)
	})}, factory.ErrConflict, -1, 299)
	mixed := f.record(batch(func(i int, e *factory.Event) {
		if i%100 != 50 {
			e.ID = fmt.Sprint("mixed ", i)
		}
		if i == 20 {
			e.Replaces = "3"
		}
	})...)
	last := first[size-1].Seq
	for i, e := range mixed {
		if repeated := i%100 == 50; e.Repeated != repeated || !repeated && e.Seq <= last {
			t.Fatalf("event %d = %+v after %d, want repeated %t", i, e, last, repeated)
		}
		if !e.Repeated {
			last = e.Seq
		}
	}
	if n := len(f.log()); n != 2*size-3 {
		t.Errorf("%d events, want %d", n, 2*size-3)
	}
}
