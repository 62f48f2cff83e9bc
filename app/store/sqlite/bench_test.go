package sqlite_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

const benchSeries = 1000

// benchStore opens a store with benchSeries series registered.
func benchStore(b *testing.B) (*sqlite.Store, []factory.Reading) {
	b.Helper()
	store, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db"), AutoRegister: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	readings := make([]factory.Reading, benchSeries)
	for i := range readings {
		readings[i] = factory.Reading{
			Machine: fmt.Sprintf("machine-%d", i/10), Metric: fmt.Sprintf("metric-%d", i%10),
			ObservedAt: 1_790_000_000_000, Value: float64(i),
		}
	}
	mustAppend(b, store, readings)
	return store, readings
}

// setObservation sets reading to the nth observation of a slowly changing
// sensor with three decimals.
func setObservation(reading *factory.Reading, n int64) {
	reading.ObservedAt = 1_790_000_000_000 + n*1000
	reading.Value = math.Round((20+5*math.Sin(float64(n)/50))*1000) / 1000
}

func BenchmarkAppendSingle(b *testing.B) {
	store, readings := benchStore(b)
	b.SetParallelism(64 / max(1, parallelism()))
	b.ReportAllocs()
	b.ResetTimer()
	var client atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		reading := readings[client.Add(1):][:1]
		for n := int64(1); pb.Next(); n++ {
			setObservation(&reading[0], n)
			mustAppend(b, store, reading)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
	b.ReportMetric(float64(b.N)/float64(store.Stats().Commits), "points/commit")
}

func BenchmarkAppendAlone(b *testing.B) {
	store, readings := benchStore(b)
	b.ReportAllocs()
	for n := int64(1); b.Loop(); n++ {
		setObservation(&readings[0], n)
		mustAppend(b, store, readings[:1])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
}

func BenchmarkAppendBatch(b *testing.B) {
	for _, clients := range []int{1, 4} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			store, readings := benchStore(b)
			b.SetParallelism(max(1, clients/parallelism()))
			b.ReportAllocs()
			b.ResetTimer()
			var round atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				mine := append([]factory.Reading(nil), readings...)
				for pb.Next() {
					n := round.Add(1)
					for i := range mine {
						setObservation(&mine[i], n)
					}
					mustAppend(b, store, mine)
				}
			})
			b.ReportMetric(float64(b.N*len(readings))/b.Elapsed().Seconds(), "points/s")
		})
	}
}

func parallelism() int { return runtime.GOMAXPROCS(0) }

func BenchmarkHistory100k(b *testing.B) {
	store, readings := benchStore(b)
	const points = 100_000
	for n := int64(1); n < points; {
		batch := make([]factory.Reading, 0, 1000)
		for ; n < points && len(batch) < cap(batch); n++ {
			setObservation(&readings[0], n)
			batch = append(batch, readings[0])
		}
		mustAppend(b, store, batch)
	}
	if err := store.SealNow(); err != nil {
		b.Fatal(err)
	}
	query := factory.HistoryQuery{
		Machine: readings[0].Machine, Metrics: []string{readings[0].Metric},
		From: math.MinInt64, To: math.MaxInt64, Limit: points,
	}
	b.ReportAllocs()
	for b.Loop() {
		page, err := store.History(b.Context(), query)
		if err != nil || len(page.Series) != 1 || len(page.Series[0].Points) != points {
			b.Fatalf("History = %d series, %v", len(page.Series), err)
		}
	}
	b.ReportMetric(float64(b.N)*points/b.Elapsed().Seconds(), "points/s")
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	b.Run("empty", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			openAndClose(b, filepath.Join(dir, fmt.Sprintf("%d.db", n)))
		}
	})
	b.Run("existing", func(b *testing.B) {
		path := filepath.Join(dir, "existing.db")
		b.ReportAllocs()
		for b.Loop() {
			openAndClose(b, path)
		}
	})
}

func openAndClose(b *testing.B, path string) {
	store, err := sqlite.Open(b.Context(), sqlite.Options{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	defer b.StartTimer()
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkJournal appends events: singly from 64 clients, and in batches of 1 000.
func BenchmarkJournal(b *testing.B) {
	newEvent := func(i int) factory.Event {
		return factory.Event{
			Machine: "press-" + strconv.Itoa(i%8), Kind: factory.EventState, ObservedAt: int64(i), ID: strconv.Itoa(i),
			Data: []byte(`{"state":"fault","reason":"jam at the infeed"}`),
		}
	}
	b.Run("single", func(b *testing.B) {
		store, _ := benchStore(b)
		var next atomic.Int64
		cpu := cpuSeconds()
		b.SetParallelism(64 / max(1, parallelism()))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				batch := factory.JournalBatch{Events: []factory.Event{newEvent(int(next.Add(1)))}}
				if _, err := store.Write(context.Background(), batch); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/(cpuSeconds()-cpu), "events/cpu-s")
	})
	b.Run("batch", func(b *testing.B) {
		store, _ := benchStore(b)
		b.ReportAllocs()
		n, cpu := 0, cpuSeconds()
		for b.Loop() {
			var batch factory.JournalBatch
			for range 1000 {
				batch.Events = append(batch.Events, newEvent(n))
				n++
			}
			if _, err := store.Write(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/(cpuSeconds()-cpu), "events/cpu-s")
	})
}

// cpuSeconds returns the CPU time of this process so far.
func cpuSeconds() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
