//go:build integration

package postgres_test

import (
	"math"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
)

// Queries read across many partitions: forwards and, for the previous point of a
// counter, backwards.
func TestIntegrationQueriesSpanManyPartitions(t *testing.T) {
	t.Parallel()
	s, _ := openWithClock(t, nil)
	if _, _, err := s.PutMachine(t.Context(), factory.Machine{ID: "m"}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.PutMetric(t.Context(), factory.Metric{Machine: "m", Name: "v", Kind: factory.Counter}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	const months = 2*postgres.MaxWindowPartitions + 20
	var batch []factory.Reading
	for i := range months {
		batch = append(batch, reading("m", midnight(2010, time.Month(1+i), 3), float64(10*i)))
	}
	mustAppend(t, s, batch[0], batch[months-1]) // the ends first, then all between
	mustAppend(t, s, batch...)
	if got := countPartitions(t, s); got < months {
		t.Errorf("%d partitions, want at least %d", got, months)
	}
	if got := mustHistory(t, s, "m", "v"); len(got) != months {
		t.Errorf("%d points, want %d", len(got), months)
	}
	q := factory.BucketQuery{Machine: "m", From: math.MinInt64, To: math.MaxInt64, Interval: factory.Interval{Calendar: factory.Month}, Limit: 7}
	sum, buckets := 0.0, 0
	for {
		page, err := s.Buckets(t.Context(), q)
		if err != nil || len(page.Series) != 1 {
			t.Fatalf("Buckets = %+v, %v", page, err)
		}
		for _, b := range page.Series[0].Buckets {
			sum += b.Increase
			buckets++
		}
		if page.NextCursor == "" {
			break
		}
		q.Cursor = page.NextCursor
	}
	if buckets != months || sum != 10*(months-1) {
		t.Errorf("%d buckets with an increase of %v in all, want %d and %d", buckets, sum, months, 10*(months-1))
	}
	// Without points in between, the previous point is several windows back.
	mustAppend(t, s, factory.Reading{Machine: "m", Metric: "w", ObservedAt: batch[0].ObservedAt, Value: 5},
		factory.Reading{Machine: "m", Metric: "w", ObservedAt: batch[months-1].ObservedAt, Value: 7})
	if _, _, err := s.PutMetric(t.Context(), factory.Metric{Machine: "m", Name: "w", Kind: factory.Counter}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	page, err := s.Buckets(t.Context(), factory.BucketQuery{
		Machine: "m", Metrics: []string{"w"}, From: batch[1].ObservedAt, To: math.MaxInt64, Interval: factory.Every(time.Hour), Limit: 7,
	})
	if err != nil || len(page.Series) != 1 || page.Series[0].Buckets[0].Increase != 2 {
		t.Errorf("Buckets(w) = %+v, %v, want an increase of 2", page, err)
	}
	picked, err := s.Downsample(t.Context(), factory.DownsampleQuery{Machine: "m", Metrics: []string{"v"}, From: math.MinInt64, To: math.MaxInt64, Points: 10})
	if err != nil || len(picked) != 1 || len(picked[0].Points) != 10 || picked[0].Points[9].ObservedAt != batch[months-1].ObservedAt {
		t.Errorf("Downsample = %+v, %v, want 10 points to the last", picked, err)
	}
}
