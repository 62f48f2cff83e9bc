package sqlite_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/memory"
	"smart-factory-backend/app/store/sqlite"
	"smart-factory-backend/app/store/storetest"
)

// wantSameBuckets compares the buckets of all intervals with those of the
// model.
func wantSameBuckets(t *testing.T, when string, store, model factory.Store, from, to int64) {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, interval := range []factory.Interval{
		factory.Every(time.Second), factory.Every(time.Minute), factory.Every(7 * time.Minute), factory.Every(time.Hour), factory.Every(90 * time.Minute),
		factory.Every(24 * time.Hour),
		{Calendar: factory.Hour},
		{Calendar: factory.Day},
		{Calendar: factory.Month},
	} {
		q := factory.BucketQuery{Machine: "m", From: from, To: to, Interval: interval, Location: berlin, Limit: 1 << 20}
		got, err := store.Buckets(context.Background(), q)
		want, wantErr := model.Buckets(context.Background(), q)
		if err != nil || wantErr != nil || len(got.Series) != len(want.Series) {
			t.Fatalf("%s: Buckets(%+v) = %d series, %v, want %d", when, interval, len(got.Series), err, len(want.Series))
		}
		for i, series := range want.Series {
			if len(got.Series[i].Buckets) != len(series.Buckets) {
				t.Fatalf("%s: Buckets(%+v) = %d, want %d", when, interval, len(got.Series[i].Buckets), len(series.Buckets))
			}
			for j, b := range series.Buckets {
				if g := got.Series[i].Buckets[j]; !storetest.SameBucket(g, b) {
					t.Fatalf("%s: Buckets(%+v), %d:\ngot  %+v\nwant %+v", when, interval, j, g, b)
				}
			}
		}
	}
}

func TestRollups(t *testing.T) {
	t.Parallel()
	const start, length = int64(1_774_000_000_000), 22 * 24 * 3_600_000 // across the start of daylight saving time
	const mid = start + length/2
	clock := time.UnixMilli(start)
	options := manualOptions(newPath(t), new(eventRecorder))
	options.Retention = 365 * 24 * time.Hour
	options = options.WithTuning(sqlite.Tuning{SealEvery: time.Hour, ProbeEvery: time.Hour, Now: func() time.Time { return clock }})
	store := mustOpen(t, options)
	model := memory.New(memory.Options{AutoRegister: true, Retention: options.Retention, Now: func() time.Time { return clock }})
	both := func(readings []factory.Reading) {
		t.Helper()
		mustAppend(t, store, readings)
		mustAppend(t, model, readings)
	}
	random := rand.New(rand.NewPCG(5, 6))
	both([]factory.Reading{{Machine: "m", Metric: "count", ObservedAt: start, Value: 0}})
	for _, s := range []factory.Store{store, model} {
		if _, _, err := s.PutMetric(context.Background(), factory.Metric{Machine: "m", Name: "count", Kind: factory.Counter}, factory.MatchAlways); err != nil {
			t.Fatal(err)
		}
	}
	// v is dense for half a day, the counter less dense for three weeks.
	var batch []factory.Reading
	for i := range int64(2000) {
		at := mid + i*20_000 + random.Int64N(10_000)
		if i > 1000 {
			at += 3 * 3_600_000 // a gap
		}
		for j := range int64(7) {
			batch = append(batch, factory.Reading{Machine: "m", Metric: "v", ObservedAt: at + j*1000, Value: math.Round(random.NormFloat64()*1000) / 1000})
		}
	}
	counted := 0.0
	for i := range int64(length / 40_000) {
		if counted++; random.IntN(5000) == 0 {
			counted = 0
		}
		batch = append(batch, factory.Reading{Machine: "m", Metric: "count", ObservedAt: start + i*40_000 + random.Int64N(20_000), Value: counted})
	}
	for len(batch) > 0 {
		n := min(len(batch), 20_000)
		both(batch[:n])
		batch = batch[n:]
		mustSeal(t, store)
	}
	rows := func() int64 {
		t.Helper()
		n, err := store.QueryInt("SELECT count(*) FROM rollup")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	made := rows()
	if hours, err := store.QueryInt("SELECT count(*) FROM rollup WHERE level = 2"); made < 4 || hours < 1 || err != nil {
		t.Fatalf("%d rollups were made, %d of hours, %v, want some of both", made, hours, err)
	}
	for _, tt := range []struct {
		name     string
		from, to int64
	}{{"all", math.MinInt64, math.MaxInt64}, {"part", mid + 12_345, mid + 38_765_432}} {
		wantSameBuckets(t, tt.name, store, model, tt.from, tt.to)
	}
	// Late points in memory, then sealed, then rolled up again.
	both([]factory.Reading{readingAt("m", mid, 99), readingAt("m", mid+3_600_000, -99), {Machine: "m", Metric: "count", ObservedAt: mid + 1, Value: 1e6}})
	wantSameBuckets(t, "late points in memory", store, model, math.MinInt64, math.MaxInt64)
	mustSeal(t, store)
	wantSameBuckets(t, "late points sealed", store, model, math.MinInt64, math.MaxInt64)
	if again := rows(); again != made {
		t.Errorf("%d rollups after late points, want the %d that there were", again, made)
	}
	// Expired points are not counted, and their rollups are deleted.
	clock = time.UnixMilli(mid).Add(options.Retention)
	wantSameBuckets(t, "expired", store, model, math.MinInt64, math.MaxInt64)
	mustSeal(t, store)
	wantSameBuckets(t, "expired and removed", store, model, math.MinInt64, math.MaxInt64)
	if left := rows(); left >= made {
		t.Errorf("%d rollups are left of %d", left, made)
	}
	mustClose(t, store)
	store = mustOpen(t, options)
	wantSameBuckets(t, "opened again", store, model, math.MinInt64, math.MaxInt64)
	mustSeal(t, store)
	wantSameBuckets(t, "opened again and sealed", store, model, math.MinInt64, math.MaxInt64)
}

// TestBucketsReadRollupsInBatches reads more rollups than fit into one batch.
func TestBucketsReadRollupsInBatches(t *testing.T) {
	t.Parallel()
	const start, hours = int64(1_774_000_000_000), 80
	store := mustOpen(t, manualOptions(newPath(t), new(eventRecorder)))
	model := memory.New(memory.Options{AutoRegister: true})
	random := rand.New(rand.NewPCG(7, 8))
	var batch []factory.Reading
	for i := range int64(hours * 1200) {
		batch = append(batch, factory.Reading{Machine: "m", Metric: "v", ObservedAt: start + i*3000, Value: math.Round(random.NormFloat64()*1000) / 1000})
		if len(batch) == 24_000 {
			mustAppend(t, store, batch)
			mustAppend(t, model, batch)
			batch = batch[:0]
		}
	}
	mustSeal(t, store)
	if n, err := store.QueryInt("SELECT count(*) FROM rollup WHERE level = 1"); err != nil || n <= sqlite.RollupReadBatch {
		t.Fatalf("%d rollups were made, %v, want more than %d", n, err, sqlite.RollupReadBatch)
	}
	wantSameBuckets(t, "all", store, model, math.MinInt64, math.MaxInt64)
	wantSameBuckets(t, "part", store, model, start+5*3_600_000+1, start+75*3_600_000+12_345)
	// A page that ends within a rollup, and the next page.
	q := factory.BucketQuery{Machine: "m", From: math.MinInt64, To: math.MaxInt64, Interval: factory.Every(time.Minute), Limit: 3500}
	got := 0
	for pages := 0; pages == 0 || q.Cursor != ""; pages++ {
		page, err := store.Buckets(t.Context(), q)
		if err != nil || len(page.Series) != 1 || pages > 1 {
			t.Fatalf("page %d: %d series, %v", pages, len(page.Series), err)
		}
		got, q.Cursor = got+len(page.Series[0].Buckets), page.NextCursor
	}
	if want := hours*60 + 1; got != want { // it begins within a minute
		t.Errorf("%d minutes in two pages, want %d", got, want)
	}
}
