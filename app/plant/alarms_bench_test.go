package plant_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
)

// startBenchmark returns alarms with rules for 100 metrics of each machine.
func startBenchmark(b *testing.B, machines int, limit float64) (*plant.Alarms, []factory.Reading) {
	b.Helper()
	store := memory.New(memory.Options{AutoRegister: true})
	readings := make([]factory.Reading, 0, 10_000)
	for m := range machines {
		for n := range 100 {
			readings = append(readings, factory.Reading{
				Machine: fmt.Sprintf("line-1-press-%02d", m), Metric: fmt.Sprintf("temperature_%02d", n), ObservedAt: 1_700_000_000_000, Value: 50,
			})
		}
	}
	if _, err := store.Append(b.Context(), readings); err != nil {
		b.Fatal(err)
	}
	var batch factory.JournalBatch
	for n := range 100 {
		batch.Documents = append(batch.Documents, factory.DocumentChange{
			Kind: factory.DocumentAlarmRule, ID: fmt.Sprint("rule-", n),
			Data: fmt.Appendf(nil, `{"scope":{},"metric":"temperature_%02d","when":{"op":">","limit":%g}}`, n, limit),
		})
	}
	if _, err := store.Write(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
	alarms := plant.NewAlarms(plant.AlarmOptions{Store: store, Alone: true, Now: func() int64 { return time.Now().UnixMilli() }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = alarms.Run(ctx)
	}()
	b.Cleanup(func() { cancel(); <-done; _ = store.Close() })
	for alarms.Judged() < len(readings) {
		runtime.Gosched()
	}
	return alarms, readings
}

// The cost of a reading that matches a rule, on the ingest path. An operation is 10 000
// readings.
func BenchmarkReadingsWithRules(b *testing.B) {
	alarms, readings := startBenchmark(b, 100, 80)
	b.ReportAllocs()
	for b.Loop() {
		for n := range readings {
			readings[n].ObservedAt += 1000
		}
		for n := 0; n < len(readings); n += 1000 {
			alarms.ReadingsStored(readings[n:n+1000], nil)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(readings)), "ns/reading")
}

// An operation lists 1 000 open alarms.
func BenchmarkListAlarms(b *testing.B) {
	alarms, _ := startBenchmark(b, 10, 20)
	for b.Loop() {
		items, _, err := alarms.List(b.Context(), alarm.Query{State: alarm.StateOpen, From: 0, To: 1 << 60, Limit: 1000})
		if err != nil || len(items) != 1000 {
			b.Fatal(len(items), err)
		}
	}
}
