package storetest

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
)

// rollupStart is where the tests of rollups begin: twelve hours before
// daylight saving time starts in Berlin.
var rollupStart = time.Date(2026, 3, 28, 13, 0, 0, 0, time.UTC).UnixMilli()

const (
	minute = int64(60_000)
	hour   = 60 * minute
)

// testRollups: buckets are those of the points, also after late, replaced,
// expired and purged points and after a restart, whatever an engine
// precomputes.
func testRollups(t *testing.T, open Opener) {
	w := newModelPair(t, t, open, rollupStart+48*hour, Limits{})
	random := rand.New(rand.NewPCG(1, 2))
	round := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	w.appendAll(reading("count", rollupStart-hour, 0))
	w.putMetric(factory.Metric{Machine: "m", Name: "count", Kind: factory.Counter})
	var batch []factory.Reading
	counted := 0.0
	for at := rollupStart; at < rollupStart+10*hour; at += 3_000 {
		if into := at - rollupStart; into < 4*hour || into > 6*hour { // a gap
			batch = append(batch, reading("dense", at+random.Int64N(3_000), round(20+random.NormFloat64())))
		}
		if at%(20*minute) < 5*minute { // bursts
			batch = append(batch, reading("burst", at, random.ExpFloat64()))
		}
	}
	for at := rollupStart - 30*hour; at < rollupStart+30*hour; at += 40_000 {
		if counted++; random.IntN(500) == 0 {
			counted = 0
		}
		batch = append(batch, reading("count", at+random.Int64N(40_000), counted))
		if at%hour < minute {
			batch = append(batch, reading("sparse", at, counted))
		}
	}
	w.appendAll(batch...)
	w.compareIntervals("immediately")
	w.settle()
	w.compareIntervals("after background work")
	middle := rollupStart + 2*hour
	for _, change := range []struct {
		name string
		do   func()
	}{
		{"late points", func() {
			w.appendAll(reading("dense", middle+1, 99), reading("dense", rollupStart+5*hour, -99), reading("count", middle+1, 1e6), reading("sparse", middle+7, 5))
		}},
		{"replaced points", func() {
			var again []factory.Reading
			for i, r := range batch {
				if at := r.ObservedAt; i%7 == 0 && at > middle && at < middle+90*minute {
					r.Value = -r.Value
					again = append(again, r)
				}
			}
			w.appendAll(again...)
		}},
		{"a hundred late points in as many minutes", func() {
			for i := range int64(100) {
				w.appendAll(reading("dense", middle+i*minute+500, round(random.NormFloat64())))
			}
		}},
		{"reopening", w.reopen},
		{"expiry", func() {
			w.clock.at.Store(rollupStart + 51*hour)
			w.putMetric(factory.Metric{Machine: "m", Name: "dense", Kind: factory.Gauge, Retention: 49*time.Hour - 17*time.Second})
		}},
		{"more expiry", func() { w.clock.at.Add(3*hour + 4_321) }},
		{"late points next to expired points", func() {
			w.appendAll(reading("dense", w.clock.at.Load()-49*hour+20_000, 77))
		}},
		{"a purge and new points", func() {
			w.both(func(s factory.Store) error {
				return s.DeleteMachine(context.Background(), "m", factory.MatchAlways, true)
			})
			w.appendAll(batch[:len(batch)/2]...)
		}},
	} {
		change.do()
		w.compareIntervals("after " + change.name)
		w.settle()
		w.compareIntervals("after " + change.name + " and background work")
	}
	w.reopen()
	w.compareIntervals("after reopening")
}

// compareIntervals compares buckets of all kinds of interval.
func (w *modelPair) compareIntervals(when string) {
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
		w.t.Logf("%s: buckets of %+v in %s", when, query.interval, query.zone)
		w.compareBuckets(factory.BucketQuery{Machine: "m", From: query.span[0], To: query.span[1], Interval: query.interval, Location: loc, Limit: 1 << 20}, true)
	}
}

// maxRollupHistories limits the random histories, each of which has thousands
// of points.
const maxRollupHistories = 12

// testRandomRollups compares buckets of random histories with the model.
func testRandomRollups(t *testing.T, open Opener) {
	checks, failed := 0, false
	rapid.Check(t, func(rt *rapid.T) {
		if checks++; checks > maxRollupHistories && !failed {
			return // but go on looking for the shortest history that fails
		}
		defer func() { failed = failed || rt.Failed() }()
		w := newModelPair(t, rt, open, rollupStart+30*hour, Limits{})
		run := func(metric string, from, step int64, n int, value float64) {
			var batch []factory.Reading
			for i := range n {
				batch = append(batch, reading(metric, from+int64(i)*step, math.Round(math.Mod(value*float64(i+1), 17)*1000)/1000))
			}
			w.appendBoth(batch)
		}
		drawAt := rapid.Map(rapid.Int64Range(0, 9*hour/1000), func(s int64) int64 { return rollupStart + s*1000 })
		drawMetric := rapid.SampledFrom([]string{"a", "b"})
		run("a", rollupStart, 3_000, 5_500, 3.7)
		rt.Repeat(map[string]func(*rapid.T){
			"run": func(rt *rapid.T) {
				run(drawMetric.Draw(rt, "metric"), drawAt.Draw(rt, "at"), rapid.SampledFrom([]int64{500, 1_000, 7_000}).Draw(rt, "step"),
					rapid.IntRange(1, 800).Draw(rt, "n"), rapid.Float64Range(-9, 9).Draw(rt, "value"))
			},
			"one": func(rt *rapid.T) {
				run(drawMetric.Draw(rt, "metric"), drawAt.Draw(rt, "at"), 1, 1, rapid.Float64Range(-9, 9).Draw(rt, "value"))
			},
			"metric": func(rt *rapid.T) {
				w.putMetric(factory.Metric{Machine: "m", Name: "b", Kind: rapid.SampledFrom([]factory.MetricKind{factory.Gauge, factory.Counter}).Draw(rt, "kind")})
			},
			"expiry": func(rt *rapid.T) {
				w.clock.at.Add(rapid.Int64Range(0, 10*minute).Draw(rt, "time"))
				w.putMetric(factory.Metric{Machine: "m", Name: "a", Kind: factory.Gauge, Retention: 25 * time.Hour})
			},
			"settle": func(*rapid.T) { w.settle() },
			"buckets": func(rt *rapid.T) {
				loc, err := time.LoadLocation(drawZone.Draw(rt, "zone"))
				if err != nil {
					rt.Fatal(err)
				}
				q := factory.BucketQuery{
					Machine: "m", From: drawAt.Draw(rt, "from"), To: drawAt.Draw(rt, "to"), Location: loc, Limit: rapid.IntRange(1, 50).Draw(rt, "limit"),
					Interval: rapid.SampledFrom([]factory.Interval{
						factory.Every(time.Minute), factory.Every(5 * time.Minute), factory.Every(time.Hour), {Calendar: factory.Hour}, {Calendar: factory.Day},
					}).Draw(rt, "interval"),
				}
				if rapid.Bool().Draw(rt, "all") {
					q.From, q.To = math.MinInt64, math.MaxInt64
				}
				w.compareBuckets(q, true)
			},
		})
	})
}
