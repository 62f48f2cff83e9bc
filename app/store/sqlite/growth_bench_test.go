package sqlite_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

// BenchmarkGrowth fills an empty store, a million points at a time, with a
// thousand series at 1 Hz. Retention is set, so sealing, rollups, deletion and
// vacuum all run. It reports the cost of a point at the beginning and at the
// end, the longest append, and the memory.
func BenchmarkGrowth(b *testing.B) {
	for _, millions := range []int{1, 10} {
		b.Run(fmt.Sprintf("%dM", millions), func(b *testing.B) {
			for b.Loop() {
				appendGrowing(b, millions)
			}
		})
	}
}

func appendGrowing(b *testing.B, millions int) {
	b.Helper()
	const series = 1000
	store := mustOpen(b, sqlite.Options{Path: newPath(b), AutoRegister: true, MaxBytes: 12 << 20}.
		WithTuning(sqlite.Tuning{MaintainEvery: time.Second}))
	readings := regularReadings(series, 1)
	random := rand.New(rand.NewPCG(1, 1))
	var first, last time.Duration
	pause := time.Duration(0)
	for million := range millions {
		begin := time.Now()
		for i := range 1_000_000 / series {
			n := int64(million*1_000_000/series + i)
			for s := range readings {
				readings[s].ObservedAt = benchStart + n*1000
				readings[s].Value = math.Round((20+5*math.Sin(float64(n+int64(s))/500)+random.NormFloat64()*0.05)*1000) / 1000
			}
			start := time.Now()
			for {
				_, err := store.Append(context.Background(), readings)
				if err == nil {
					break
				}
				b.Fatal(err)
			}
			pause = max(pause, time.Since(start))
		}
		last = time.Since(begin)
		if million == 0 {
			first = last
		}
	}
	mustSeal(b, store)
	stats := store.Stats()
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(first.Nanoseconds())/1e6, "ns/point-first")
	b.ReportMetric(float64(last.Nanoseconds())/1e6, "ns/point-last")
	b.ReportMetric(float64(pause.Milliseconds()), "ms-longest-pause")
	b.ReportMetric(float64(memory.HeapInuse>>20), "MiB-heap")
	b.ReportMetric(float64(stats.Bytes>>20), "MiB-files")
	b.ReportMetric(float64(stats.EvictedPoints), "evicted")
	page, err := store.Buckets(context.Background(), factory.BucketQuery{
		Machine: "machine-3", From: math.MinInt64, To: math.MaxInt64, Interval: factory.Every(time.Hour), Limit: 1 << 20,
	})
	if err != nil || len(page.Series) != 10 {
		b.Fatalf("Buckets = %d series, %v", len(page.Series), err)
	}
}
