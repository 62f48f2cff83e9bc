package api_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"
	"smart-factory-backend/app/plant"
	"smart-factory-backend/app/store/memory"
	"smart-factory-backend/app/store/sqlite"

	"github.com/valyala/fasthttp"
)

// stubRuntime is a Runtime that limits nothing.
type stubRuntime struct{}

func (stubRuntime) StreamBody(*fasthttp.RequestCtx, func(*bufio.Writer) error) {}
func (stubRuntime) Await(*fasthttp.RequestCtx) api.Wait                        { return nil }
func (stubRuntime) OverLimit(*fasthttp.RequestCtx) string                      { return "" }
func (stubRuntime) LongRequestLine(*fasthttp.RequestCtx) bool                  { return false }
func (stubRuntime) Peer(*fasthttp.RequestCtx) netip.Addr                       { return netip.MustParseAddr("192.0.2.1") }
func (stubRuntime) Workers() (running, total int)                              { return 1, 1 }
func (stubRuntime) Draining() bool                                             { return false }

// acceptingStore accepts all readings and stores none.
type acceptingStore struct{ factory.Store }

func (acceptingStore) Append(_ context.Context, readings []factory.Reading) (factory.AppendResult, error) {
	return factory.AppendResult{Accepted: len(readings)}, nil
}

const (
	benchPoints = 1000
	// benchTimestamp is the placeholder for the timestamp of a request.
	benchTimestamp = "1700000000000"
)

// ingestFormat is one way to send benchPoints readings: 125 machines, 8 metrics.
type ingestFormat struct{ name, path, contentType, body string }

func ingestFormats() []ingestFormat {
	var array, ndjson, lines, gateway bytes.Buffer
	for i := range benchPoints / 8 {
		var values bytes.Buffer
		fmt.Fprintf(&lines, "modbus,host=edge-1,machine=press-%d ", i)
		for j := range 8 {
			number := strconv.FormatFloat(float64(i*8+j)*1.0625+20, 'f', -1, 64)
			fmt.Fprintf(&values, `,"metric_%d":%s`, j, number)
			fmt.Fprintf(&lines, ",metric_%d=%s", j, number)
		}
		fmt.Fprintf(&array, `,{"machine":"press-%d","ts":%s,"values":{%s}}`, i, benchTimestamp, values.Bytes()[1:])
		fmt.Fprintf(&ndjson, `{"machine":"press-%d","ts":%s,"values":{%s}}`+"\n", i, benchTimestamp, values.Bytes()[1:])
		fmt.Fprintf(&gateway, `,"press-%d":[{"ts":%s,"values":{%s}}]`, i, benchTimestamp, values.Bytes()[1:])
		fmt.Fprintf(&lines, " %s000000\n", benchTimestamp)
	}
	return []ingestFormat{
		{"json", "/api/v1/telemetry", "application/json", "[" + array.String()[1:] + "]"},
		{"ndjson", "/api/v1/telemetry", "application/x-ndjson", ndjson.String()},
		{"line-protocol", "/api/v2/write", "text/plain", string(bytes.ReplaceAll(lines.Bytes(), []byte(" ,"), []byte(" ")))},
		{"thingsboard", "/api/v1/edge/gateway/telemetry", "application/json", "{" + gateway.String()[1:] + "}"},
	}
}

func benchAPI(b *testing.B, store factory.Store) *api.API {
	b.Helper()
	store = plant.NewTextStore(store)
	api, err := api.New(api.Options{
		Store: store, OEE: plant.NewOEE(store, func() int64 { return time.Now().UnixMilli() }), Runtime: stubRuntime{}, Metrics: metrics.New(), Keys: access.NewKeys(access.List{}), Health: health.New(stubRuntime{}, time.Now),
		RateLimit: 1e9, RateBurst: 1e9, KeyRateLimit: 1e9, MaxBody: 4 << 20, MaxDecompressed: 32 << 20, MaxPoints: 50_000,
		IngestTimeout: time.Minute, IngestMemory: 1 << 30, Timelines: plant.NewTimelines(store, time.Now().UnixMilli),
	})
	if err != nil {
		b.Fatal(err)
	}
	return api
}

// processCPUTime returns the CPU time that the process has used.
func processCPUTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIngest measures requests of 1000 readings in each format: "decode"
// without a store, "durable" with a commit to disk.
func BenchmarkIngest(b *testing.B) {
	for _, d := range ingestFormats() {
		b.Run("decode/"+d.name, func(b *testing.B) {
			benchmarkIngest(b, d, benchAPI(b, acceptingStore{memory.New(memory.Options{})}))
		})
		b.Run("durable/"+d.name, func(b *testing.B) {
			store, err := sqlite.Open(b.Context(), sqlite.Options{
				Path: filepath.Join(b.TempDir(), "bench.db"), AutoRegister: true, MaxSeries: 100_000, QueueReadings: 200_000,
			})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			b.SetParallelism(8)
			benchmarkIngest(b, d, benchAPI(b, store))
		})
	}
}

func benchmarkIngest(b *testing.B, d ingestFormat, api *api.API) {
	b.Helper()
	var places []int
	for at := 0; ; at += len(benchTimestamp) {
		next := bytes.Index([]byte(d.body[at:]), []byte(benchTimestamp))
		if next < 0 {
			break
		}
		at += next
		places = append(places, at)
	}
	var now atomic.Int64
	now.Store(1_700_000_000_000)
	b.ReportAllocs()
	b.SetBytes(int64(len(d.body)))
	before := processCPUTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		body := []byte(d.body)
		var ctx fasthttp.RequestCtx
		for pb.Next() {
			ts := strconv.AppendInt(nil, now.Add(1000), 10)
			for _, at := range places {
				copy(body[at:], ts)
			}
			ctx.Request.Reset()
			ctx.Response.Reset()
			ctx.Request.Header.SetMethod(fasthttp.MethodPost)
			ctx.Request.Header.SetProtocol("HTTP/1.0") // 1.1 requires a header that was parsed
			ctx.Request.SetRequestURI(d.path)
			ctx.Request.Header.SetContentType(d.contentType)
			ctx.Request.SetBodyRaw(body)
			api.Handler(&ctx)
			if status := ctx.Response.StatusCode(); status/100 != 2 {
				b.Errorf("%s: %d %s", d.name, status, ctx.Response.Body())
				return
			}
		}
	})
	points := float64(benchPoints) * float64(b.N)
	b.ReportMetric(points/b.Elapsed().Seconds(), "points/s")
	b.ReportMetric(points/(processCPUTime(b)-before).Seconds(), "points/cpu-s")
}
