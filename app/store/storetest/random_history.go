package storetest

import (
	"context"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
)

// testRandomHistory performs random operations on the store and on the model
// and compares the results.
func testRandomHistory(t *testing.T, open Opener) {
	rapid.Check(t, func(rt *rapid.T) {
		// A retention of a second ends among the times drawn.
		w := newModelPair(t, rt, open, 1_000, Limits{MaxSeries: 6})
		rt.Repeat(map[string]func(*rapid.T){
			"append":     func(rt *rapid.T) { w.appendBoth(drawBatch.Draw(rt, "batch")) },
			"history":    w.randomHistory,
			"buckets":    w.randomBuckets,
			"downsample": w.randomDownsample,
			"latest":     w.randomLatest,
			"machine":    w.randomMachine,
			"metric":     w.randomMetric,
			"wait":       func(rt *rapid.T) { w.clock.at.Add(rapid.Int64Range(0, 9).Draw(rt, "time")) },
			"settle":     func(*rapid.T) { w.settle() },
			"reopen":     func(*rapid.T) { w.reopen() },
		})
		w.randomLatest(rt)
		for _, machine := range []string{"a", "b", "é/1", "z"} {
			w.compareHistory(fullHistory(machine))
		}
	})
}

var (
	drawName  = rapid.SampledFrom([]string{"a", "b", "é/1", "z"})
	drawTime  = rapid.OneOf(rapid.Int64Range(0, 40), rapid.Int64Range(0, 40), rapid.Int64Range(-1_000_000_000_000, 4_000_000_000_000))
	drawValue = rapid.OneOf(rapid.Float64Range(-100, 100), rapid.Float64(), rapid.SampledFrom([]float64{0, negativeZero(), notANumber(), infinity(1), math.MaxFloat64}))
	drawBatch = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) factory.Reading {
		return factory.Reading{
			Machine: drawName.Draw(rt, "machine"), Metric: drawName.Draw(rt, "metric"),
			ObservedAt: drawTime.Draw(rt, "at"), Value: drawValue.Draw(rt, "value"),
		}
	}), 1, 20)
)

func (w *modelPair) randomHistory(rt *rapid.T) {
	q := factory.HistoryQuery{
		Machine: drawName.Draw(rt, "machine"),
		From:    drawTime.Draw(rt, "from"),
		To:      drawTime.Draw(rt, "to"),
		Limit:   rapid.IntRange(1, 30).Draw(rt, "limit"),
	}
	if rapid.Bool().Draw(rt, "some") {
		q.Metrics = rapid.SliceOfN(drawName, 1, 3).Draw(rt, "metrics")
	}
	w.compareHistory(q)
}

func (w *modelPair) randomLatest(rt *rapid.T) {
	q := factory.LatestQuery{Limit: 100}
	if rapid.Bool().Draw(rt, "one") {
		q.Machine = drawName.Draw(rt, "machine")
	}
	got, err := w.Latest(context.Background(), q)
	want, wantErr := w.model.Latest(context.Background(), q)
	same := slices.EqualFunc(got.Readings, want.Readings, func(a, b factory.LatestReading) bool { return sameReading(a.Reading, b.Reading) })
	if err != nil || wantErr != nil || !same {
		rt.Fatalf("Latest(%+v):\ngot  %v, %v\nwant %v", q, got.Readings, err, want.Readings)
	}
}
