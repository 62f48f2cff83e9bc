package storetest

import (
	"context"
	"reflect"
	"time"

	"pgregory.net/rapid"

	"smart-factory-backend/app/factory"
)

var (
	drawInterval = rapid.OneOf(
		rapid.Custom(func(rt *rapid.T) factory.Interval {
			return factory.Interval{Millis: rapid.Int64Range(1, 50).Draw(rt, "ms")}
		}),
		rapid.SampledFrom([]factory.Interval{
			factory.Every(time.Minute), factory.Every(31 * 24 * time.Hour),
			{Calendar: factory.Hour},
			{Calendar: factory.Day},
			{Calendar: factory.Week},
			{Calendar: factory.Month},
		}))
	drawZone = rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"})
)

func (w *modelPair) randomBuckets(rt *rapid.T) {
	loc, err := time.LoadLocation(drawZone.Draw(rt, "zone"))
	if err != nil {
		rt.Fatal(err)
	}
	w.compareBuckets(factory.BucketQuery{
		Machine: drawName.Draw(rt, "machine"), From: drawTime.Draw(rt, "from"), To: drawTime.Draw(rt, "to"),
		Interval: drawInterval.Draw(rt, "interval"), Location: loc, Limit: rapid.IntRange(1, 20).Draw(rt, "limit"),
	}, false)
}

func (w *modelPair) randomDownsample(rt *rapid.T) {
	q := factory.DownsampleQuery{
		Machine: drawName.Draw(rt, "machine"), From: drawTime.Draw(rt, "from"), To: drawTime.Draw(rt, "to"),
		Points: rapid.IntRange(2, 12).Draw(rt, "points"),
	}
	got, err := w.Downsample(context.Background(), q)
	want, wantErr := w.model.Downsample(context.Background(), q)
	if !sameErrorKind(err, wantErr) || !sameSeries(got, want) {
		rt.Fatalf("Downsample(%+v):\ngot  %v, %v\nwant %v, %v", q, got, err, want, wantErr)
	}
}

// randomMachine puts, deletes or purges a machine.
func (w *modelPair) randomMachine(rt *rapid.T) {
	ctx := context.Background()
	id := drawName.Draw(rt, "machine")
	match := rapid.SampledFrom([]factory.Match{0, 0, 0, factory.MatchAny, factory.MatchNone, 1, 2}).Draw(rt, "match")
	switch rapid.IntRange(0, 3).Draw(rt, "what") {
	case 0, 1:
		put := factory.Machine{ID: id, Placement: factory.Placement{Line: rapid.SampledFrom([]string{"", "1"}).Draw(rt, "line")}}
		got, gotNew, err := w.PutMachine(ctx, put, match)
		want, wantNew, wantErr := w.model.PutMachine(ctx, put, match)
		if !sameErrorKind(err, wantErr) || gotNew != wantNew || !reflect.DeepEqual(got, want) {
			rt.Fatalf("PutMachine(%+v, %d) = %+v, %t, %v, want %+v, %t, %v", put, match, got, gotNew, err, want, wantNew, wantErr)
		}
	default:
		purge := rapid.Bool().Draw(rt, "purge")
		err, wantErr := w.DeleteMachine(ctx, id, match, purge), w.model.DeleteMachine(ctx, id, match, purge)
		if !sameErrorKind(err, wantErr) {
			rt.Fatalf("DeleteMachine(%q, %d, %t) = %v, want %v", id, match, purge, err, wantErr)
		}
	}
	w.compareRegistry(rt)
}

// randomMetric puts a metric. A retention, once set, is not removed: the store may
// or may not have deleted the expired points already.
func (w *modelPair) randomMetric(rt *rapid.T) {
	ctx := context.Background()
	put := factory.Metric{
		Machine: drawName.Draw(rt, "machine"), Name: drawName.Draw(rt, "metric"),
		Kind: rapid.SampledFrom([]factory.MetricKind{factory.Gauge, factory.Counter, factory.Counter}).Draw(rt, "kind"),
		Unit: rapid.SampledFrom([]string{"", "Cel"}).Draw(rt, "unit"),
	}
	if put.Name == "z" {
		put.Retention = time.Second
	}
	got, gotNew, err := w.PutMetric(ctx, put, factory.MatchAlways)
	want, wantNew, wantErr := w.model.PutMetric(ctx, put, factory.MatchAlways)
	if !sameErrorKind(err, wantErr) || gotNew != wantNew || !reflect.DeepEqual(got, want) {
		rt.Fatalf("PutMetric(%+v) = %+v, %t, %v, want %+v, %t, %v", put, got, gotNew, err, want, wantNew, wantErr)
	}
	w.compareRegistry(rt)
}

// compareRegistry compares all machines and metrics.
func (w *modelPair) compareRegistry(rt *rapid.T) {
	ctx := context.Background()
	got, err := w.Machines(ctx, factory.MachineQuery{Limit: 100})
	want, wantErr := w.model.Machines(ctx, factory.MachineQuery{Limit: 100})
	if err != nil || wantErr != nil || !reflect.DeepEqual(got.Machines, want.Machines) {
		rt.Fatalf("Machines:\ngot  %+v, %v\nwant %+v", got.Machines, err, want.Machines)
	}
	for _, id := range []string{"a", "b", "é/1", "z"} {
		got, err := w.Metrics(ctx, id)
		want, wantErr := w.model.Metrics(ctx, id)
		if !sameErrorKind(err, wantErr) || !reflect.DeepEqual(got, want) {
			rt.Fatalf("Metrics(%q):\ngot  %+v, %v\nwant %+v, %v", id, got, err, want, wantErr)
		}
	}
}
