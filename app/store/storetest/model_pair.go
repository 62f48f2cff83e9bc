package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
)

// modelPair is a store under test and a model that must return the same
// results.
type modelPair struct {
	*fixture
	clock  *clock
	limits Limits
	model  *memory.Store
}

// newModelPair opens both with a clock that shows now. Failures are reported to
// r; see openFixture.
func newModelPair(t *testing.T, r tb, open Opener, now int64, limits Limits) *modelPair {
	t.Helper()
	clock := newClock(now)
	limits.AutoRegister, limits.Now = true, clock.now
	return &modelPair{openFixture(t, r, open, limits), clock, limits, memory.New(limits)}
}

// reopen closes and reopens both.
func (w *modelPair) reopen() {
	w.t.Helper()
	w.fixture.reopen(w.limits)
	w.model = w.model.Reopen(w.limits)
}

// both calls do for both, which must succeed.
func (w *modelPair) both(do func(factory.Store) error) {
	w.t.Helper()
	for _, s := range []factory.Store{w.Store, w.model} {
		if err := do(s); err != nil {
			w.t.Fatal(err)
		}
	}
}

// putMetric sets the metadata of a metric in both.
func (w *modelPair) putMetric(metric factory.Metric) {
	w.t.Helper()
	w.both(func(s factory.Store) error {
		_, _, err := s.PutMetric(context.Background(), metric, factory.MatchAlways)
		return err
	})
}

// appendAll appends readings to both, which must accept all of them.
func (w *modelPair) appendAll(readings ...factory.Reading) {
	w.t.Helper()
	if n := w.appendBoth(readings); n != len(readings) {
		w.t.Fatalf("%d of %d readings were accepted, want all", n, len(readings))
	}
}

// appendBoth appends readings to both, in batches, and compares the results. It
// returns the number of accepted readings.
func (w *modelPair) appendBoth(readings []factory.Reading) (accepted int) {
	w.t.Helper()
	for batch := range slices.Chunk(readings, 10_000) {
		got, err := w.Append(context.Background(), batch)
		want, wantErr := w.model.Append(context.Background(), batch)
		same := slices.EqualFunc(got.Rejected, want.Rejected, func(a, b factory.Rejection) bool {
			return a.Index == b.Index && errors.Is(a.Err, factory.ErrInvalid) == errors.Is(b.Err, factory.ErrInvalid)
		})
		if err != nil || wantErr != nil || got.Accepted != want.Accepted || !same {
			w.t.Fatalf("Append = %+v, %v, want %+v, %v", got, err, want, wantErr)
		}
		accepted += got.Accepted
	}
	return accepted
}

// compareHistory compares all pages of a query.
func (w *modelPair) compareHistory(q factory.HistoryQuery) {
	w.t.Helper()
	comparePages(w, q, func(s factory.Store, cursor string) ([]factory.Series, string, error) {
		q.Cursor = cursor
		page, err := s.History(context.Background(), q)
		return page.Series, page.NextCursor, err
	}, func(got, want []factory.Series) string {
		if sameSeries(got, want) {
			return ""
		}
		return fmt.Sprintf("\ngot  %v\nwant %v", got, want)
	})
}

// compareBuckets compares all pages of a query. exact requires identical sums.
func (w *modelPair) compareBuckets(q factory.BucketQuery, exact bool) {
	w.t.Helper()
	comparePages(w, q, func(s factory.Store, cursor string) ([]factory.BucketSeries, string, error) {
		q.Cursor = cursor
		page, err := s.Buckets(context.Background(), q)
		return page.Series, page.NextCursor, err
	}, func(got, want []factory.BucketSeries) string { return diffBuckets(got, want, exact) })
}

// comparePages reads all pages of the query q from both. It fails the test
// unless the errors have the same kind, which may only be ErrNotFound, and diff
// finds no difference.
func comparePages[P any](w *modelPair, q any, read func(s factory.Store, cursor string) (page P, next string, err error), diff func(got, want P) string) {
	w.t.Helper()
	wantCursor := ""
	w.readPages(func(cursor string) string {
		got, next, err := read(w.Store, cursor)
		want, wantNext, wantErr := read(w.model, wantCursor)
		if !sameErrorKind(err, wantErr) || err != nil && !errors.Is(err, factory.ErrNotFound) {
			w.t.Fatalf("%T%+v = %v, want %v", q, q, err, wantErr)
		}
		if problem := diff(got, want); problem != "" {
			w.t.Fatalf("%T%+v: %s", q, q, problem)
		}
		if (next == "") != (wantNext == "") {
			w.t.Fatalf("%T%+v: the next cursor is %q, want %q", q, q, next, wantNext)
		}
		wantCursor = wantNext
		return next
	})
}

// sameErrorKind reports whether two errors are of the same kind.
func sameErrorKind(a, b error) bool {
	for _, kind := range []error{factory.ErrInvalid, factory.ErrNotFound, factory.ErrConflict, factory.ErrPrecondition, factory.ErrOverloaded, factory.ErrUnavailable} {
		if errors.Is(a, kind) != errors.Is(b, kind) {
			return false
		}
	}
	return (a == nil) == (b == nil)
}

// diffBuckets describes the first difference, or returns "". exact requires
// identical sums.
func diffBuckets(got, want []factory.BucketSeries, exact bool) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d series, want %d", len(got), len(want))
	}
	for i, series := range want {
		if g := got[i]; g.Metric != series.Metric || g.Unit != series.Unit || g.Kind != series.Kind || len(g.Buckets) != len(series.Buckets) {
			return fmt.Sprintf("%d buckets of %s, %s, want %d of %s, %s", len(g.Buckets), g.Metric, g.Kind, len(series.Buckets), series.Metric, series.Kind)
		}
		for j, b := range series.Buckets {
			if g := got[i].Buckets[j]; !SameBucket(g, b) || exact && g.Sum != b.Sum {
				return fmt.Sprintf("bucket %d of %s:\ngot  %+v\nwant %+v", j, series.Metric, g, b)
			}
		}
	}
	return ""
}
