package metrics_test

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/observe/metrics"
)

func TestInstruments(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	s.Counter("smartfactory_panics_total", "place", "handler").Inc()
	s.Counter("smartfactory_panics_total", "place", "handler").Add(2)
	s.Counter("smartfactory_panics_total", "place", "stream")
	s.CounterFunc("smartfactory_restarts_total", func() float64 { return 1 << 40 })
	s.Gauge("smartfactory_cpu_quota", func() float64 { return 1.5 })
	s.Gauge("smartfactory_lag", math.NaN, "b", "2", "a", "1")
	s.Gauge("smartfactory_limit", func() float64 { return math.Inf(1) })
	e := scrape(t, s)
	for series, want := range map[string]float64{
		`smartfactory_panics_total{place="handler"}`: 3,
		`smartfactory_panics_total{place="stream"}`:  0,
		`smartfactory_restarts_total`:                1 << 40,
		`smartfactory_cpu_quota`:                     1.5,
		`smartfactory_limit`:                         math.Inf(1),
		`smartfactory_gomaxprocs`:                    float64(runtime.GOMAXPROCS(0)),
	} {
		if got := e.value(t, series); got != want {
			t.Errorf("%s = %v, want %v", series, got, want)
		}
	}
	if got := e.value(t, `smartfactory_lag{a="1",b="2"}`); !math.IsNaN(got) {
		t.Errorf("smartfactory_lag = %v, want NaN", got)
	}
	for family, want := range map[string]string{
		"smartfactory_panics_total": "counter", "smartfactory_restarts_total": "counter", "smartfactory_lag": "gauge",
	} {
		if e.kinds[family] != want {
			t.Errorf("the type of %s is %q, want %s", family, e.kinds[family], want)
		}
	}
}

func TestRuntimeAndProcessMetrics(t *testing.T) {
	t.Parallel()
	e := scrape(t, metrics.New())
	for _, series := range []string{
		"go_goroutines", "go_memstats_heap_alloc_bytes", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds",
	} {
		if series != "process_cpu_seconds_total" && e.value(t, series) <= 0 {
			t.Errorf("%s = %v, want more than 0", series, e.value(t, series))
		}
		if e.kinds[series] == "" {
			t.Errorf("%s has no type", series)
		}
	}
}

func TestLabelValuesAreEscaped(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	s.BuildInfo("1.0 \"quoted\" \\ back\nnext", "caf\xe9")
	for series, v := range scrape(t, s).samples {
		text, is := strings.CutPrefix(series, "smartfactory_build_info{")
		if !is {
			continue
		}
		labels, err := parseLabels(strings.TrimSuffix(text, "}"))
		if err != nil || v != 1 || labels["version"] != "1.0 \"quoted\" \\ back\nnext" || labels["commit"] != "caf\uFFFD" || labels["go"] != runtime.Version() {
			t.Errorf("%s = %v: labels %q, %v", series, v, labels, err)
		}
		return
	}
	t.Error("there is no smartfactory_build_info")
}

func TestStore(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	stats := factory.StoreStats{}
	asked := 0
	s.Store(func() factory.StoreStats { asked++; return stats })
	for series := range scrape(t, s).samples {
		if strings.HasPrefix(series, "smartfactory_store_") {
			t.Errorf("%s is there before the store", series)
		}
	}
	stats = factory.StoreStats{
		Engine: "sqlite", Series: 3, Machines: 2, Points: 1 << 33, Commits: 7, CommitSeconds: .25,
		QueuedReadings: 11, QueueCapacity: 100, Bytes: 1 << 40, MaxBytes: 1 << 41,
		ExpiredPoints: 5, EvictedPoints: 6, QuarantinedChunks: 1,
	}
	e := scrape(t, s)
	if asked != 2 {
		t.Errorf("two scrapes asked the store %d times, want 2", asked)
	}
	for name, want := range map[string]struct {
		kind  string
		value float64
	}{
		"series": {"gauge", 3}, "machines": {"gauge", 2}, "points_total": {"counter", 1 << 33}, "commits_total": {"counter", 7},
		"commit_seconds_total": {"counter", .25}, "queue_readings": {"gauge", 11}, "queue_capacity": {"gauge", 100},
		"size_bytes": {"gauge", 1 << 40}, "size_limit_bytes": {"gauge", 1 << 41}, "quarantined_chunks": {"gauge", 1},
		"expired_points_total": {"counter", 5}, "evicted_points_total": {"counter", 6},
	} {
		name = "smartfactory_store_" + name
		if got := e.value(t, name+`{engine="sqlite"}`); got != want.value || e.kinds[name] != want.kind {
			t.Errorf("%s %s = %v, want %+v", e.kinds[name], name, got, want)
		}
	}
}

func TestMisusePanics(t *testing.T) {
	t.Parallel()
	zero := func() float64 { return 0 }
	noStats := func() factory.StoreStats { return factory.StoreStats{} }
	for name, tt := range map[string]struct {
		wire func(*metrics.Set)
		want string
	}{
		"a bad name":              {func(s *metrics.Set) { s.Counter("a-b") }, `"a-b" is not a valid metric name`},
		"a bad label":             {func(s *metrics.Set) { s.Counter("a", "b-c", "1") }, `"b-c" can't be a label`},
		"a histogram's label":     {func(s *metrics.Set) { s.Counter("a", "le", "1") }, `"le" can't be a label`},
		"a label twice":           {func(s *metrics.Set) { s.Counter("a", "b", "1", "b", "2") }, `"b" can't be a label, or is one twice`},
		"a label without a value": {func(s *metrics.Set) { s.Counter("a", "b") }, `without a value`},
		"a gauge twice":           {func(s *metrics.Set) { s.Gauge("a", zero); s.Gauge("a", zero) }, `a is added twice`},
		"two kinds":               {func(s *metrics.Set) { s.Gauge("a", zero); s.Counter("a") }, `a is a gauge, not a counter`},
		"two sources": {
			func(s *metrics.Set) { s.CounterFunc("a", zero, "b", "1"); s.Counter("a", "b", "1") },
			`a{b="1"} is already read from a function`,
		},
		"a name of the store": {func(s *metrics.Set) { s.Gauge("smartfactory_store_series", zero) }, "reserved for Store"},
		"two stores": {
			func(s *metrics.Set) { s.Store(noStats); s.Store(noStats) },
			"the store is added twice",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, tt.want) {
					t.Errorf("it panicked with %q, want %q", text, tt.want)
				}
			}()
			tt.wire(metrics.New())
		})
	}
}

func TestSetsAreIndependent(t *testing.T) {
	t.Parallel()
	one, two := metrics.New(), metrics.New()
	one.Counter("smartfactory_limited_total").Inc()
	two.Counter("smartfactory_limited_total")
	if got := scrape(t, two).value(t, "smartfactory_limited_total"); got != 0 {
		t.Errorf("a count of one set shows in another: %v", got)
	}
}

// Run with -race: instruments are made, used and scraped at once; a callback may
// use the set itself.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	s.Gauge("smartfactory_nested", func() float64 { return float64(s.Counter("smartfactory_inner_total").Value()) })
	var users sync.WaitGroup
	for i := range 4 {
		users.Go(func() {
			for n := range 50 {
				s.Counter("smartfactory_inner_total").Inc()
				s.Counter("smartfactory_many_total", "n", fmt.Sprint(n)).Inc()
				s.Route("GET", fmt.Sprint("/", n%5)).Observe(200, .001)
				if i == 0 {
					s.WritePrometheus(io.Discard)
				}
			}
		})
	}
	users.Wait()
	e := scrape(t, s)
	if got := e.value(t, `smartfactory_many_total{n="49"}`); got != 4 {
		t.Errorf("smartfactory_many_total = %v, want 4", got)
	}
	if got := e.value(t, `smartfactory_http_requests_total{code="2xx",method="GET",route="/4"}`); got != 40 {
		t.Errorf("requests of /4 = %v, want 40", got)
	}
}

// A series made in the middle of a scrape takes its place in the next one.
func TestSeriesMadeDuringAScrape(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	for n := range 5 {
		s.CounterFunc("smartfactory_many_total", func() float64 {
			s.Counter("smartfactory_many_total", "n", "0").Inc()
			return 1
		}, "n", fmt.Sprint(n+1))
	}
	scrape(t, s) // fails on a series that is there twice
	if got := scrape(t, s).value(t, `smartfactory_many_total{n="0"}`); got != 5 {
		t.Errorf("the series made during the first scrape = %v in the second, want 5", got)
	}
}
