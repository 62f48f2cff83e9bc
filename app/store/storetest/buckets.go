package storetest

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"
	_ "time/tzdata" // the zones that the suite names

	"smart-factory-backend/app/factory"
)

// buckets returns all buckets of machine "m". They must fit into one page.
func (f *fixture) buckets(interval factory.Interval, loc *time.Location, metrics ...string) []factory.BucketSeries {
	f.t.Helper()
	page, err := f.Buckets(context.Background(), factory.BucketQuery{
		Machine: "m", Metrics: metrics, From: math.MinInt64, To: math.MaxInt64, Interval: interval, Location: loc, Limit: 1 << 20,
	})
	if err != nil || page.NextCursor != "" {
		f.t.Fatalf("Buckets = cursor %q, %v, want all in one page", page.NextCursor, err)
	}
	return page.Series
}

// SameBucket compares two buckets; their sums may differ by rounding.
func SameBucket(a, b factory.Bucket) bool {
	scale := float64(a.Count) * max(math.Abs(a.Min), math.Abs(a.Max), math.Abs(a.Increase), 1e-300)
	near := func(x, y float64) bool {
		// What exceeds a double depends on the order in which it was put together.
		return x == y || math.IsInf(x, 0) || math.IsInf(y, 0) || math.IsNaN(x) || math.IsNaN(y) || math.IsInf(scale, 0) ||
			math.Abs(x-y) <= 1e-12*scale
	}
	return a.Start == b.Start && a.End == b.End && a.Count == b.Count && a.Min == b.Min && a.Max == b.Max &&
		samePoint(a.First, b.First) && samePoint(a.Last, b.Last) && near(a.Sum, b.Sum) && near(a.Increase, b.Increase)
}

// testBuckets: the content and the bounds of buckets. Empty buckets are not
// returned.
func testBuckets(t *testing.T, open Opener) {
	const minute = 60_000
	checkInAllStates(t, open,
		func(f *fixture) {
			f.append(reading("a", 30_000, 1), reading("a", 59_999, 4), reading("a", 60_000, -2), reading("a", 600_000, 8), reading("b", 60_001, 5))
			f.append(reading("a", 45_000, 10), reading("a", 59_999, 3)) // late, and again
		},
		func(f *fixture) {
			got := f.buckets(factory.Every(time.Minute), nil)
			if len(got) != 2 || got[0].Metric != "a" || got[1].Metric != "b" || len(got[0].Buckets) != 3 || len(got[1].Buckets) != 1 {
				f.t.Fatalf("Buckets = %+v, want three of a and one of b", got)
			}
			want := factory.Bucket{Start: 0, End: minute, Summary: factory.Summary{
				Count: 3, Min: 1, Max: 10, Sum: 14,
				First: factory.Point{ObservedAt: 30_000, Value: 1}, Last: factory.Point{ObservedAt: 59_999, Value: 3},
			}}
			if b := got[0].Buckets[0]; b != want {
				f.t.Errorf("first bucket = %+v, want %+v", b, want)
			}
			for i, start := range []int64{0, minute, 10 * minute} {
				if b := got[0].Buckets[i]; b.Start != start || b.End != start+minute {
					f.t.Errorf("bucket %d is from %d to %d, want a minute from %d", i, b.Start, b.End, start)
				}
			}
			page, err := f.Buckets(context.Background(), factory.BucketQuery{
				Machine: "m", Metrics: []string{"a"}, From: 45_000, To: 600_000, Interval: factory.Every(time.Hour), Limit: 10,
			})
			if err != nil || len(page.Series) != 1 || len(page.Series[0].Buckets) != 1 {
				f.t.Fatalf("Buckets of a part = %+v, %v, want one", page, err)
			}
			if b := page.Series[0].Buckets[0]; b.Count != 3 || b.Sum != 11 || b.Start != 0 || b.End != 60*minute {
				f.t.Errorf("bucket of a part = %+v, want 3 points, sum 11, bounds of the whole hour", b)
			}
		})
}

// testBucketPaging: pages of any size add up to all buckets.
func testBucketPaging(t *testing.T, open Opener) {
	checkInAllStates(t, open,
		func(f *fixture) {
			for i := range int64(40) {
				f.append(reading("a", i*700, float64(i)), reading("b", i*900, float64(i)))
			}
		},
		func(f *fixture) {
			whole := f.buckets(factory.Every(time.Second), nil)
			for _, limit := range []int{1, 7, 28, 29, 1000} {
				q := factory.BucketQuery{Machine: "m", From: math.MinInt64, To: math.MaxInt64, Interval: factory.Every(time.Second), Limit: limit}
				counts, buckets := map[string]int64{}, 0
				f.readPages(func(cursor string) string {
					q.Cursor = cursor
					page, err := f.Buckets(context.Background(), q)
					if err != nil {
						f.t.Fatal(err)
					}
					inPage := 0
					for _, s := range page.Series {
						inPage += len(s.Buckets)
						for _, b := range s.Buckets {
							counts[s.Metric] += b.Count
						}
					}
					if buckets += inPage; inPage > limit || page.NextCursor != "" && inPage != limit {
						f.t.Fatalf("limit %d: a page of %d buckets, cursor %q", limit, inPage, page.NextCursor)
					}
					return page.NextCursor
				})
				if want := len(whole[0].Buckets) + len(whole[1].Buckets); buckets != want || counts["a"] != 40 || counts["b"] != 40 {
					f.t.Errorf("limit %d: %d buckets with %v points in all, want %d with 40 each", limit, buckets, counts, want)
				}
			}
		})
}

// testBucketsOfCounter: the increases add up to the total increase, across
// resets and page bounds.
func testBucketsOfCounter(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.append(reading("parts", 100, 5))
	if _, _, err := f.PutMetric(context.Background(), factory.Metric{Machine: "m", Name: "parts", Kind: factory.Counter}, factory.MatchAlways); err != nil {
		t.Fatal(err)
	}
	f.append(reading("parts", 900, 9), reading("parts", 1100, 12), reading("parts", 1200, 2), reading("parts", 1900, 3), reading("parts", 5000, 10))
	f.inAllStates(Limits{AutoRegister: true}, func() {
		got := f.buckets(factory.Every(time.Second), nil)
		if len(got) != 1 || got[0].Kind != factory.Counter || len(got[0].Buckets) != 3 {
			t.Fatalf("Buckets = %+v, want three of a counter", got)
		}
		for i, want := range []float64{4, 3 + 2 + 1, 7} {
			if b := got[0].Buckets[i]; b.Increase != want {
				t.Errorf("bucket %d: increase %v, want %v", i, b.Increase, want)
			}
		}
		page, err := f.Buckets(context.Background(), factory.BucketQuery{
			Machine: "m", From: 1150, To: 10_000, Interval: factory.Every(time.Second), Limit: 10,
		})
		if err != nil || len(page.Series) != 1 || page.Series[0].Buckets[0].Increase != 3 {
			t.Errorf("Buckets from the middle = %+v, %v, want an increase of 3 at first: the reset and one more", page, err)
		}
	})
}

// testCalendarBuckets: days are those of the time zone, also when clocks
// change and when a day has no midnight or two.
func testCalendarBuckets(t *testing.T, open Opener) {
	tests := []struct {
		zone, from, to string
		unit           factory.Calendar
		hours          []float64 // the length of each bucket
	}{
		{"Europe/Berlin", "2026-03-28", "2026-03-31", factory.Day, []float64{24, 23, 24}},
		{"Europe/Berlin", "2026-10-24", "2026-10-27", factory.Day, []float64{24, 25, 24}},
		{"Europe/Berlin", "2026-03-23", "2026-04-06", factory.Week, []float64{167, 168}},
		{"Europe/Berlin", "2026-10-01", "2026-12-01", factory.Month, []float64{31*24 + 1, 30 * 24}},
		{"America/Sao_Paulo", "2018-11-03", "2018-11-06", factory.Day, []float64{24, 23, 24}}, // no midnight on the 4th
		{"America/Havana", "2026-10-31", "2026-11-03", factory.Day, []float64{24, 25, 24}},    // midnight twice on the 1st
		{"Asia/Kolkata", "2026-01-01", "2026-01-03", factory.Day, []float64{24, 24}},
		{"Australia/Lord_Howe", "2026-10-03", "2026-10-06", factory.Day, []float64{24, 23.5, 24}},
	}
	f := newFixture(t, open)
	for i, tt := range tests {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		begin, end := dayStart(t, tt.from, loc), dayStart(t, tt.to, loc)
		metric := string(rune('a' + i))
		var batch []factory.Reading
		for at := begin; at < end; at += 600_000 {
			batch = append(batch, reading(metric, at, 1))
		}
		batch = append(batch, reading(metric, end-1, 1))
		f.append(batch...)
		for _, enter := range []func(){func() {}, f.settle} {
			enter()
			got := f.buckets(factory.Interval{Calendar: tt.unit}, loc, metric)
			if len(got) != 1 || len(got[0].Buckets) != len(tt.hours) {
				t.Fatalf("%s from %s: %+v, want %d buckets", tt.zone, tt.from, got, len(tt.hours))
			}
			at := begin
			for j, b := range got[0].Buckets {
				length := int64(tt.hours[j] * 3_600_000)
				if b.Start != at || b.End != at+length {
					t.Errorf("%s from %s: bucket %d is from %s to %s, want %v hours from %s", tt.zone, tt.from, j,
						time.UnixMilli(b.Start).In(loc), time.UnixMilli(b.End).In(loc), tt.hours[j], time.UnixMilli(at).In(loc))
				}
				want := length / 600_000
				if j == len(tt.hours)-1 {
					want++
				}
				if b.Count != want {
					t.Errorf("%s from %s: bucket %d has %d points, want %d", tt.zone, tt.from, j, b.Count, want)
				}
				at += length
			}
		}
	}
}

// dayStart returns the start of a date that has a midnight.
func dayStart(t *testing.T, date string, loc *time.Location) int64 {
	t.Helper()
	at, err := time.ParseInLocation(time.DateOnly, date, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

// testDownsample: the result is what LTTB picks from all points.
func testDownsample(t *testing.T, open Opener) {
	var points []factory.Point
	for i := range 3000 {
		points = append(points, factory.Point{ObservedAt: int64(i*i) * 7, Value: math.Sin(float64(i)/40) + float64(i%17)/50})
	}
	checkInAllStates(t, open,
		func(f *fixture) {
			batch := []factory.Reading{reading("b", 1, 1)}
			for i := range points { // late and in order by turns
				p := points[i^1]
				batch = append(batch, reading("a", p.ObservedAt, p.Value))
			}
			f.append(batch...)
		},
		func(f *fixture) {
			for _, n := range []int{2, 3, 100, 2999, 3000, 5000} {
				want, err := factory.LTTB(n, len(points), func(take func([]factory.Point)) error { take(points); return nil })
				if err != nil {
					f.t.Fatal(err)
				}
				got, err := f.Downsample(context.Background(), factory.DownsampleQuery{Machine: "m", From: math.MinInt64, To: math.MaxInt64, Points: n})
				if err != nil || !sameSeries(got, []factory.Series{{Metric: "a", Points: want}, series("b", 1, 1)}) {
					f.t.Fatalf("Downsample(%d) = %d series, %v, want what LTTB picks, and b", n, len(got), err)
				}
			}
			got, err := f.Downsample(context.Background(), factory.DownsampleQuery{
				Machine: "m", Metrics: []string{"a"}, From: points[1000].ObservedAt, To: points[2000].ObservedAt, Points: 10,
			})
			if err != nil || len(got) != 1 || len(got[0].Points) != 10 || got[0].Points[0] != points[1000] || got[0].Points[9] != points[1999] {
				f.t.Errorf("Downsample of a range = %v, %v, want 10 points from the first to the last of it", got, err)
			}
			if got, err := f.Downsample(context.Background(), factory.DownsampleQuery{Machine: "m", From: -10, To: 0, Points: 10}); err != nil || len(got) != 0 {
				f.t.Errorf("Downsample of nothing = %v, %v, want nothing", got, err)
			}
		})
}

// testBadBucketQueries: invalid queries return errors of the right kind.
func testBadBucketQueries(t *testing.T, open Opener) {
	f := newFixture(t, open)
	f.append(reading("a", 1, 1), reading("b", 1, 1), factory.Reading{Machine: "n", Metric: "a", ObservedAt: 1, Value: 1})
	good := factory.BucketQuery{Machine: "m", To: math.MaxInt64, Interval: factory.Every(time.Second), Limit: 1}
	page, err := f.Buckets(context.Background(), good)
	if err != nil || page.NextCursor == "" {
		t.Fatalf("Buckets = %+v, %v, want a cursor", page, err)
	}
	for name, tt := range map[string]struct {
		change func(*factory.BucketQuery)
		want   error
	}{
		"unknown machine":           {func(q *factory.BucketQuery) { q.Machine = "nobody" }, factory.ErrNotFound},
		"no interval":               {func(q *factory.BucketQuery) { q.Interval = factory.Interval{} }, factory.ErrInvalid},
		"no such calendar unit":     {func(q *factory.BucketQuery) { q.Interval.Calendar = 99 }, factory.ErrInvalid},
		"no limit":                  {func(q *factory.BucketQuery) { q.Limit = 0 }, factory.ErrInvalid},
		"a cursor of its own":       {func(q *factory.BucketQuery) { q.Cursor = "abc" }, factory.ErrInvalid},
		"another machine's cursor":  {func(q *factory.BucketQuery) { q.Machine, q.Cursor = "n", page.NextCursor }, factory.ErrInvalid},
		"its cursor":                {func(q *factory.BucketQuery) { q.Cursor = page.NextCursor }, nil},
		"a range that has no sense": {func(q *factory.BucketQuery) { q.From, q.To = 10, 5 }, nil},
	} {
		q := good
		tt.change(&q)
		if _, err := f.Buckets(context.Background(), q); !errors.Is(err, tt.want) {
			t.Errorf("%s: Buckets = %v, want %v", name, err, tt.want)
		}
	}
	if _, err := f.Downsample(context.Background(), factory.DownsampleQuery{Machine: "m", To: 10, Points: 1}); !errors.Is(err, factory.ErrInvalid) {
		t.Errorf("Downsample to one point = %v, want ErrInvalid", err)
	}
	if _, err := f.Downsample(context.Background(), factory.DownsampleQuery{Machine: "nobody", To: 10, Points: 10}); !errors.Is(err, factory.ErrNotFound) {
		t.Errorf("Downsample of an unknown machine = %v, want ErrNotFound", err)
	}
}
