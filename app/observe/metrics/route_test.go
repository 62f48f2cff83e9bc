package metrics_test

import (
	"fmt"
	"math"
	"testing"

	"smart-factory-backend/app/observe/metrics"
)

const ofLatest = `method="GET",route="/api/v1/latest"}`

func TestRouteCountsByStatusClass(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	r := s.Route("GET", "/api/v1/latest")
	for _, status := range []int{101, 200, 204, 299, 304, 400, 404, 429, 499, 500, 599, 0, -1, 600, math.MaxInt} {
		r.Observe(status, .001)
	}
	s.Route("PUT", "/api/v1/latest").Observe(200, .001)
	e := scrape(t, s)
	for class, want := range map[string]float64{"1xx": 1, "2xx": 3, "3xx": 1, "4xx": 4, "5xx": 6} {
		series := fmt.Sprintf(`smartfactory_http_requests_total{code="%s",%s`, class, ofLatest)
		if got := e.value(t, series); got != want {
			t.Errorf("%s = %v, want %v", series, got, want)
		}
	}
	if got := e.value(t, `smartfactory_http_request_duration_seconds_count{`+ofLatest); got != 15 {
		t.Errorf("the histogram counts %v requests, want 15", got)
	}
}

func TestRouteBuckets(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		seconds  float64
		le       string // the first bucket that holds it
		previous string // the last one that doesn't
		sum      float64
	}{
		"a bound belongs to its bucket": {.0001, "0.0001", "", .0001},
		"just over a bound":             {.000101, "0.00025", "0.0001", .000101},
		"in the middle":                 {.3, "0.5", "0.25", .3},
		"the last bound":                {10, "10", "5", 10},
		"over the last bound":           {10.5, "+Inf", "10", 10.5},
		"nothing":                       {0, "0.0001", "", 0},
		"a clock that went back":        {-1, "0.0001", "", 0},
		"not a number":                  {math.NaN(), "0.0001", "", 0},
		"infinity":                      {math.Inf(1), "+Inf", "10", 10 * 365 * 24 * 3600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := metrics.New()
			s.Route("GET", "/api/v1/latest").Observe(200, tt.seconds)
			e := scrape(t, s)
			bucket := func(le string) float64 {
				const head = `smartfactory_http_request_duration_seconds_bucket{method="GET",route="/api/v1/latest",le="`
				return e.value(t, head+le+`"}`)
			}
			if bucket(tt.le) != 1 || tt.previous != "" && bucket(tt.previous) != 0 {
				t.Errorf("Observe(200, %v): bucket %s holds %v, want it to be the first with 1", tt.seconds, tt.le, bucket(tt.le))
			}
			if got := e.value(t, `smartfactory_http_request_duration_seconds_sum{`+ofLatest); math.Abs(got-tt.sum) > 1e-9 {
				t.Errorf("Observe(200, %v): the sum is %v, want %v", tt.seconds, got, tt.sum)
			}
		})
	}
}

func TestRouteIsResolvedOnce(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	if one, two := s.Route("GET", "/"), s.Route("GET", "/"); one != two {
		t.Errorf("Route(GET, /) = %p, then %p, want one instrument", one, two)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	r, c := metrics.New().Route("GET", "/"), metrics.New().Counter("smartfactory_x_total")
	if allocs := testing.AllocsPerRun(100, func() { r.Observe(200, .001); c.Inc() }); allocs != 0 {
		t.Errorf("Observe and Inc: %v allocations, want 0", allocs)
	}
}

func BenchmarkObserve(b *testing.B) {
	r := metrics.New().Route("GET", "/api/health")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			r.Observe(200, float64(i&1023)*1e-6) // 0 to 1 ms
		}
	})
}

func BenchmarkScrape(b *testing.B) {
	s := metrics.New()
	for i := range 30 {
		s.Route("GET", fmt.Sprint("/", i)).Observe(200, .001)
	}
	var page countWriter
	b.ReportAllocs()
	for b.Loop() {
		page = 0
		s.WritePrometheus(&page)
	}
	b.ReportMetric(float64(page), "bytes/page")
}

type countWriter int

func (w *countWriter) Write(p []byte) (int, error) {
	*w += countWriter(len(p))
	return len(p), nil
}
