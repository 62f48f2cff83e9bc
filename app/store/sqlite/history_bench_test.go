package sqlite_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/sqlite"
)

const benchStart = int64(1_790_000_000_000)

// fillSeries stores n points of one series, one second apart, and seals them.
func fillSeries(b *testing.B, store *sqlite.Store, machine string, n int) {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	batch := make([]factory.Reading, 0, 10_000)
	for i := range n {
		batch = append(batch, factory.Reading{
			Machine: machine, Metric: "v", ObservedAt: benchStart + int64(i)*1000,
			Value: math.Round((20+5*math.Sin(float64(i)/500)+random.NormFloat64()*0.05)*1000) / 1000,
		})
		if len(batch) == cap(batch) || i == n-1 {
			mustAppend(b, store, batch)
			batch = batch[:0]
		}
	}
	mustSeal(b, store)
}

// BenchmarkHistory reads raw points.
func BenchmarkHistory(b *testing.B) {
	store := mustOpen(b, sqlite.Options{Path: newPath(b), AutoRegister: true})
	fillSeries(b, store, "m", 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if got := history(b, store, "m", "v"); len(got) != 100_000 {
			b.Fatalf("%d points", len(got))
		}
	}
}

func BenchmarkBuckets(b *testing.B) {
	store := mustOpen(b, sqlite.Options{Path: newPath(b), AutoRegister: true})
	const points = 1_000_000
	fillSeries(b, store, "m", points)
	for _, interval := range []string{"1m", "7m", "1h", "day", "1ms"} {
		b.Run(interval, func(b *testing.B) {
			every, err := factory.ParseInterval(interval)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			buckets := 0
			for b.Loop() {
				page, err := store.Buckets(b.Context(), factory.BucketQuery{
					Machine: "m", From: math.MinInt64, To: math.MaxInt64, Interval: every, Limit: math.MaxInt32,
				})
				if err != nil {
					b.Fatal(err)
				}
				buckets = len(page.Series[0].Buckets)
			}
			b.ReportMetric(float64(buckets), "buckets")
		})
	}
	b.Run("lttb", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := store.Downsample(b.Context(), factory.DownsampleQuery{Machine: "m", From: math.MinInt64, To: math.MaxInt64, Points: 500}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// emptyPages is the number of pages of a file without points.
const emptyPages = 13

// BenchmarkBytesPerPoint reports the size of the file per point.
func BenchmarkBytesPerPoint(b *testing.B) {
	for name, readings := range map[string][]factory.Reading{
		"regular": regularReadings(1000, 3600),
		"nab":     recordedReadings(b, "nab/machine_temperature_system_failure.csv"),
		"skab":    recordedReadings(b, "skab/*.csv"),
	} {
		b.Run(name, func(b *testing.B) {
			var bytes float64
			for b.Loop() {
				path := newPath(b)
				store, err := sqlite.Open(b.Context(), sqlite.Options{Path: path, AutoRegister: true})
				if err != nil {
					b.Fatal(err)
				}
				for batch := range slices.Chunk(readings, 10_000) {
					mustAppend(b, store, batch)
				}
				mustSeal(b, store)
				points, err := store.QueryInt("SELECT sum(n) FROM chunk")
				if err != nil {
					b.Fatal(err)
				}
				live, err := store.QueryInt("SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)")
				if err != nil {
					b.Fatal(err)
				}
				size, err := store.QueryInt("SELECT page_size FROM pragma_page_size")
				if err != nil {
					b.Fatal(err)
				}
				// An empty file has a page for each table and index.
				bytes = float64((live-emptyPages)*size) / float64(points)
				mustClose(b, store)
			}
			b.ReportMetric(bytes, "B/point")
		})
	}
}

// regularReadings returns n seconds of readings, in the order of time, of so
// many sensors with three decimals and some noise.
func regularReadings(series, n int) []factory.Reading {
	random := rand.New(rand.NewPCG(3, 4))
	all := make([]factory.Reading, 0, series*n)
	for i := range n {
		for s := range series {
			all = append(all, factory.Reading{
				Machine: fmt.Sprintf("machine-%d", s/10), Metric: fmt.Sprintf("metric-%d", s%10), ObservedAt: benchStart + int64(i)*1000,
				Value: math.Round((20+5*math.Sin(float64(i+s)/500)+random.NormFloat64()*0.05)*1000) / 1000,
			})
		}
	}
	return all
}

// recordedReadings returns the readings of the recordings next to the
// repository, or none if there are none.
func recordedReadings(b *testing.B, pattern string) (all []factory.Reading) {
	b.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "data", pattern))
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		r := csv.NewReader(strings.NewReader(strings.ReplaceAll(string(text), ";", ",")))
		rows, err := r.ReadAll()
		if err != nil {
			b.Fatal(err)
		}
		for _, row := range rows[1:] {
			at, err := time.Parse(time.DateTime, row[0])
			if err != nil {
				b.Fatal(err)
			}
			for i, cell := range row[1:] {
				value, err := strconv.ParseFloat(cell, 64)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, factory.Reading{Machine: filepath.Base(file), Metric: rows[0][i+1], ObservedAt: at.UnixMilli(), Value: value})
			}
		}
	}
	return all
}

func BenchmarkLatest(b *testing.B) {
	store := mustOpen(b, sqlite.Options{Path: newPath(b), AutoRegister: true})
	mustAppend(b, store, regularReadings(10_000, 1))
	b.ReportAllocs()
	for b.Loop() {
		page, err := store.Latest(b.Context(), factory.LatestQuery{Limit: 10_000})
		if err != nil || len(page.Readings) != 10_000 {
			b.Fatalf("Latest = %d readings, %v", len(page.Readings), err)
		}
	}
}

// BenchmarkAppendWhileReading is BenchmarkAppendBatch while a client reads
// buckets of a long history continuously.
func BenchmarkAppendWhileReading(b *testing.B) {
	store, readings := benchStore(b)
	fillSeries(b, store, "m", 1_000_000)
	stop := make(chan struct{})
	ended := make(chan struct{})
	var reads atomic.Int64
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := store.Buckets(b.Context(), factory.BucketQuery{Machine: "m", To: math.MaxInt64, Interval: factory.Every(time.Minute), Limit: 1 << 20}); err != nil {
				return
			}
			reads.Add(1)
		}
	}()
	b.ReportAllocs()
	for n := int64(1); b.Loop(); n++ {
		for i := range readings {
			setObservation(&readings[i], n)
		}
		mustAppend(b, store, readings)
	}
	close(stop)
	<-ended
	b.ReportMetric(float64(b.N*len(readings))/b.Elapsed().Seconds(), "points/s")
	b.ReportMetric(float64(reads.Load())/b.Elapsed().Seconds(), "reads/s")
}
