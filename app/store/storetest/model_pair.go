package storetest

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

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

// newModelPair opens both with a clock two days after rollupStart.
func newModelPair(t *testing.T, open Opener) *modelPair {
	t.Helper()
	clock := newClock(rollupStart + 48*hour)
	limits := Limits{AutoRegister: true, Now: clock.now}
	return &modelPair{openFixture(t, open, t.TempDir(), limits), clock, limits, memory.New(memory.Options(limits))}
}

// appendBoth appends readings to both, in batches.
func (w *modelPair) appendBoth(readings []factory.Reading) {
	w.t.Helper()
	for batch := range slices.Chunk(readings, 10_000) {
		w.append(batch...)
		if _, err := w.model.Append(context.Background(), batch); err != nil {
			w.t.Fatal(err)
		}
	}
}

// putMetric sets the metadata of a metric in both.
func (w *modelPair) putMetric(metric factory.Metric) {
	w.t.Helper()
	for _, s := range []factory.Store{w.Store, w.model} {
		if _, _, err := s.PutMetric(context.Background(), metric, factory.MatchAlways); err != nil {
			w.t.Fatal(err)
		}
	}
}

// reopen closes and reopens both.
func (w *modelPair) reopen() {
	w.t.Helper()
	w.fixture.reopen(w.limits)
	w.model = w.model.Reopen(memory.Options(w.limits))
}

// compare compares buckets of all kinds of interval.
func (w *modelPair) compare(when string) {
	w.t.Helper()
	whole, part := [2]int64{math.MinInt64, math.MaxInt64}, [2]int64{rollupStart + hour + 12_345, rollupStart + 11*hour + 54_321}
	for _, query := range []struct {
		interval factory.Interval
		zone     string
		span     [2]int64
	}{
		{factory.Every(time.Minute), "UTC", whole},
		{factory.Every(7 * time.Minute), "UTC", part},
		{factory.Every(time.Hour), "UTC", whole},
		{factory.Every(90 * time.Minute), "UTC", part},
		{factory.Every(24 * time.Hour), "UTC", whole},
		{factory.Interval{Calendar: factory.Hour}, "Asia/Kathmandu", part},
		{factory.Interval{Calendar: factory.Day}, "Europe/Berlin", whole},
		{factory.Interval{Calendar: factory.Week}, "Asia/Kathmandu", whole},
	} {
		loc, err := time.LoadLocation(query.zone)
		if err != nil {
			w.t.Fatal(err)
		}
		q := factory.BucketQuery{Machine: "m", From: query.span[0], To: query.span[1], Interval: query.interval, Location: loc, Limit: 1 << 20}
		if problem := diffBucketPage(w.Store, w.model, q); problem != "" {
			w.t.Fatalf("%s: Buckets(%+v, %s): %s", when, q, query.zone, problem)
		}
	}
}

// diffBucketPage describes the first difference between the pages of two
// stores, or returns "". Sums must be identical.
func diffBucketPage(store, model factory.Store, q factory.BucketQuery) string {
	got, err := store.Buckets(context.Background(), q)
	want, wantErr := model.Buckets(context.Background(), q)
	switch {
	case !sameErrorKind(err, wantErr):
		return errorText(err) + ", want " + errorText(wantErr)
	case (got.NextCursor == "") != (want.NextCursor == ""):
		return "the page ends elsewhere"
	}
	return diffBuckets(got.Series, want.Series)
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// diffBucketPages compares all pages of a query; see diffBucketPage.
func diffBucketPages(store, model factory.Store, q factory.BucketQuery) string {
	wantQuery := q
	for {
		got, err := store.Buckets(context.Background(), q)
		want, wantErr := model.Buckets(context.Background(), wantQuery)
		if err = errors.Join(err, wantErr); err != nil {
			return err.Error()
		}
		if problem := diffBuckets(got.Series, want.Series); problem != "" {
			return problem
		}
		if (got.NextCursor == "") != (want.NextCursor == "") {
			return "the page ends elsewhere"
		}
		if got.NextCursor == "" {
			return ""
		}
		q.Cursor, wantQuery.Cursor = got.NextCursor, want.NextCursor
	}
}
