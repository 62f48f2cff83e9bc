//go:build integration

package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/testkit/postgrestest"
)

// The benchmarks use a server with its defaults: each commit is synced.

const benchSeries = 1000

// benchBegin is in a monthly partition.
var benchBegin = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).UnixMilli()

// cpuTime returns the CPU time of this process and of all server processes.
func cpuTime(b *testing.B, s *postgrestest.Server) (client, server time.Duration) {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.PID(), s.PID()))
	for _, pid := range splitFields(children) {
		stat, _ := os.ReadFile("/proc/" + pid + "/stat")
		fields := splitFields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 13 {
			continue // the process has ended
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		server += time.Duration(user+system) * tick
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), server
}

// measurePerPoint measures the CPU time from now until report is called, and
// reports it per point. CPU time depends little on the machine's other load.
func measurePerPoint(b *testing.B, s *postgrestest.Server) (report func(points int)) {
	b.Helper()
	client, server := cpuTime(b, s)
	return func(points int) {
		clientEnd, serverEnd := cpuTime(b, s)
		b.ReportMetric(float64((clientEnd-client).Nanoseconds())/1000/float64(points), "client-us/point")
		b.ReportMetric(float64((serverEnd-server).Nanoseconds())/1000/float64(points), "server-us/point")
	}
}

// benchStore opens a store, on a server of its own, with benchSeries registered
// series.
func benchStore(b *testing.B) (*postgres.Store, *postgrestest.Server, []factory.Reading) {
	b.Helper()
	s, err := postgrestest.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Remove)
	store := mustOpen(b, postgres.Options{URL: s.URL(""), AutoRegister: true})
	readings := make([]factory.Reading, benchSeries)
	for i := range readings {
		readings[i] = factory.Reading{Machine: fmt.Sprintf("machine-%d", i/10), Metric: fmt.Sprintf("metric-%d", i%10), ObservedAt: benchBegin, Value: float64(i)}
	}
	mustAppend(b, store, readings...)
	return store, s, readings
}

// setObservation sets a reading to the nth observation of a slowly changing
// sensor with three decimals.
func setObservation(reading *factory.Reading, n int64) {
	reading.ObservedAt = benchBegin + n*1000
	reading.Value = math.Round((20+5*math.Sin(float64(n)/50))*1000) / 1000
}

func BenchmarkIntegrationAppendSingle(b *testing.B) {
	store, server, readings := benchStore(b)
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	var client atomic.Int64
	commits := store.Stats().Commits
	report := measurePerPoint(b, server)
	b.RunParallel(func(pb *testing.PB) {
		reading := readings[client.Add(1):][:1]
		for n := int64(1); pb.Next(); n++ {
			setObservation(&reading[0], n)
			mustAppend(b, store, reading...)
		}
	})
	report(b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "points/s")
	b.ReportMetric(float64(b.N)/float64(store.Stats().Commits-commits), "points/commit")
}

func BenchmarkIntegrationAppendBatch(b *testing.B) {
	for _, tt := range []struct {
		clients int
		late    bool
	}{{1, false}, {4, false}, {1, true}} {
		clients := tt.clients
		name := fmt.Sprintf("clients=%d", clients)
		if tt.late {
			name += ",late" // into hours that may have rollups
		}
		b.Run(name, func(b *testing.B) {
			store, server, readings := benchStore(b)
			if tt.late {
				if err := store.RunMaintenance(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
			b.ReportAllocs()
			b.ResetTimer()
			var round atomic.Int64
			report := measurePerPoint(b, server)
			b.RunParallel(func(pb *testing.PB) {
				mine := append([]factory.Reading(nil), readings...)
				for pb.Next() {
					n := round.Add(1)
					for i := range mine {
						setObservation(&mine[i], n)
					}
					mustAppend(b, store, mine...)
				}
			})
			report(b.N * len(readings))
			b.ReportMetric(float64(b.N*len(readings))/b.Elapsed().Seconds(), "points/s")
			b.StopTimer()
			reportSize(b, store)
		})
	}
}

// reportSize reports the size of a reading on disk, including indexes.
func reportSize(b *testing.B, store *postgres.Store) {
	b.Helper()
	bytes, err := store.QueryInt(b.Context(), "SELECT sum(pg_total_relation_size(name::regclass))::bigint FROM reading_partition")
	rows, rowsErr := store.QueryInt(b.Context(), "SELECT count(*) FROM reading")
	if err != nil || rowsErr != nil {
		b.Fatal(err, rowsErr)
	}
	b.ReportMetric(float64(bytes)/float64(rows), "bytes/point")
}

// fillSeries stores points of the first width series, in the order in which they
// would arrive.
func fillSeries(b *testing.B, store *postgres.Store, readings []factory.Reading, points, width int) {
	b.Helper()
	for n := 1; n < points; {
		var batch []factory.Reading
		for ; n < points && len(batch) < 10_000; n++ {
			for i := range width {
				setObservation(&readings[i], int64(n))
				batch = append(batch, readings[i])
			}
		}
		mustAppend(b, store, batch...)
	}
	if err := store.RunMaintenance(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkIntegrationHistory100k(b *testing.B) {
	const points = 100_000
	store, server, readings := benchStore(b)
	fillSeries(b, store, readings, points, 10)
	q := factory.HistoryQuery{
		Machine: readings[0].Machine, Metrics: []string{readings[0].Metric}, From: math.MinInt64, To: math.MaxInt64, Limit: points,
	}
	b.ReportAllocs()
	report := measurePerPoint(b, server)
	for b.Loop() {
		page, err := store.History(b.Context(), q)
		if err != nil || len(page.Series) != 1 || len(page.Series[0].Points) != points {
			b.Fatalf("History = %d series, %v", len(page.Series), err)
		}
	}
	report(b.N * points)
	b.ReportMetric(float64(b.N)*points/b.Elapsed().Seconds(), "points/s")
}

func BenchmarkIntegrationBuckets1M(b *testing.B) {
	const points = 1_000_000
	store, server, readings := benchStore(b)
	fillSeries(b, store, readings, points, 1)
	b.ReportAllocs()
	report := measurePerPoint(b, server)
	for b.Loop() {
		page, err := store.Buckets(b.Context(), factory.BucketQuery{
			Machine: readings[0].Machine, Metrics: []string{readings[0].Metric}, From: math.MinInt64, To: math.MaxInt64,
			Interval: factory.Every(time.Minute), Limit: 50_000,
		})
		if err != nil || len(page.Series) != 1 || len(page.Series[0].Buckets) != points/60+1 {
			b.Fatalf("Buckets = %+v, %v", page, err)
		}
	}
	report(b.N * points)
}

func BenchmarkIntegrationLatest(b *testing.B) {
	store, _, _ := benchStore(b)
	b.ReportAllocs()
	for b.Loop() {
		page, err := store.Latest(b.Context(), factory.LatestQuery{Limit: benchSeries})
		if err != nil || len(page.Readings) != benchSeries {
			b.Fatalf("Latest = %d, %v", len(page.Readings), err)
		}
	}
}
