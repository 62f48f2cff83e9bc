package ingest_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/ingesttest"
)

// addReadings adds a reading of each metric at a place.
func addReadings(t *testing.T, b *ingest.Batch, p ingest.Place, metrics ...string) {
	t.Helper()
	b.SetPlace(p)
	for _, metric := range metrics {
		if err := b.Add(factory.Reading{Metric: metric, Value: 1}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPointerNamesPlaceAndMetric(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]ingest.Place{
		"/a~1b":            {Index: -1},
		"/values/a~1b":     {Index: -1, Values: true},
		"/3/values/a~1b":   {Index: 3, Values: true},
		"/m~0/0/a~1b":      {Key: "m~"},
		"/m/0/values/a~1b": {Key: "m", Values: true},
		"line 7":           {Line: 7},
	} {
		b := ingest.NewBatch(ingesttest.Now, 10)
		addReadings(t, b, ingest.Place{Index: 9}, "other")
		addReadings(t, b, p, "a/b")
		if got := b.Pointer(1); got != want {
			t.Errorf("Pointer of %+v = %q, want %q", p, got, want)
		}
		b.Release()
	}
}

func TestBatchLimitCountsRejectedPoints(t *testing.T) {
	t.Parallel()
	b := ingest.NewBatch(ingesttest.Now, 2)
	defer b.Release()
	addReadings(t, b, ingest.Place{}, "a")
	if err := b.Reject("/x", "invalid"); err != nil {
		t.Fatalf("Reject = %v, want room for it", err)
	}
	for what, err := range map[string]error{"Add": b.Add(factory.Reading{}), "Reject": b.Reject("/y", "invalid"), "CheckRoom": b.CheckRoom()} {
		if e, ok := errors.AsType[*ingest.Error](err); !ok || e.Kind != ingest.TooLarge {
			t.Errorf("%s in a full batch = %v, want a TooLarge error", what, err)
		}
	}
}

func TestCompleteRejectsInvalidAndRepeatedMetrics(t *testing.T) {
	t.Parallel()
	for _, valid := range []int{2, 20} { // few metrics are compared in pairs, many by a map
		b := ingest.NewBatch(ingesttest.Now, 100)
		addReadings(t, b, ingest.Place{Index: -1}, "repeated", "", "repeated")
		for i := range valid {
			addReadings(t, b, ingest.Place{Index: -1}, fmt.Sprint("m", i))
		}
		b.Complete(0, "machine", ingesttest.Now)
		ingesttest.CheckBatch(t, b)
		pointers := []string{}
		for _, e := range b.Errors {
			pointers = append(pointers, e.Pointer)
		}
		if len(b.Readings) != valid || !slices.Equal(pointers, []string{"/repeated", "/", "/repeated"}) {
			t.Errorf("Complete keeps %d readings and rejects %q, want %d and the invalid ones", len(b.Readings), pointers, valid)
		}
		b.Release()
	}
}

func TestRollbackRestoresTheMark(t *testing.T) {
	t.Parallel()
	b := ingest.NewBatch(ingesttest.Now, 100)
	defer b.Release()
	addReadings(t, b, ingest.Place{Index: 0}, "a")
	mark := b.Mark()
	addReadings(t, b, ingest.Place{Index: 1}, "b", "c")
	b.Skipped++
	if err := b.Reject("/1", "invalid"); err != nil {
		t.Fatal(err)
	}
	b.Rollback(mark)
	addReadings(t, b, ingest.Place{Index: 2}, "d")
	if len(b.Readings) != 2 || b.Pointer(1) != "/2/d" || b.Rejected != 0 || len(b.Errors) != 0 || b.Skipped != 0 {
		t.Errorf("batch after Rollback = %+v, want the first reading and the last", b)
	}
}

func TestErrorListIsBounded(t *testing.T) {
	t.Parallel()
	b := ingest.NewBatch(ingesttest.Now, 1000)
	defer b.Release()
	for range 500 {
		if err := b.Reject("/x", "invalid"); err != nil {
			t.Fatal(err)
		}
	}
	if b.Rejected != 500 || len(b.Errors) != ingest.MaxErrors {
		t.Errorf("%d rejected and %d listed, want 500 and %d", b.Rejected, len(b.Errors), ingest.MaxErrors)
	}
}
