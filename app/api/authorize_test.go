package api_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"

	"github.com/valyala/fasthttp"
)

func TestAPIKeyGrantsItsRole(t *testing.T) {
	t.Parallel()
	list, err := access.Parse("screen:read:read-secret,press:ingest:ingest-secret,boss:admin:admin-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, _ *testServer) {
		o.Keys = access.NewKeys(list)
		o.Faults = map[string]fasthttp.RequestHandler{"panic": func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("x") }}
	})
	body := `{"machine":"m","values":{"a":1}}`
	for _, tt := range []struct {
		method, path, header string
		want                 int
	}{
		{"GET", "/api/v1/latest", "", 401},
		{"GET", "/api/v1/latest", "X-API-Key: wrong", 401},
		{"GET", "/api/v1/latest", "X-API-Key: read-secret", 200},
		{"GET", "/api/v1/latest", "Authorization: Bearer read-secret", 200},
		{"GET", "/api/v1/latest", "Authorization: token read-secret", 200},
		{"GET", "/api/v1/latest", "Authorization: Basic read-secret", 401},
		{"GET", "/api/v1/latest", "X-API-Key: ingest-secret", 403},
		{"POST", "/api/v1/telemetry", "X-API-Key: read-secret", 403},
		{"POST", "/api/v1/telemetry", "X-API-Key: ingest-secret", 200},
		{"POST", "/api/faults/panic", "X-API-Key: ingest-secret", 403},
		{"POST", "/api/faults/panic", "X-API-Key: admin-secret", 200},
		{"GET", "/api/health", "", 200},
		{"GET", "/api/health/ready", "", 200},
	} {
		headers := []string{"X-Test: 1"}
		if tt.header != "" {
			headers = append(headers, tt.header)
		}
		a := p.do(t, tt.method, tt.path, body, headers...)
		if a.status != tt.want {
			t.Errorf("%s %s with %q = %d, want %d", tt.method, tt.path, tt.header, a.status, tt.want)
		}
		if a.status == 401 && a.header["Www-Authenticate"] == "" {
			t.Errorf("401 without WWW-Authenticate: %+v", a)
		}
		if strings.Contains(a.body, "secret") {
			t.Errorf("the response repeats a secret: %s", a.body)
		}
	}
}

func TestRateLimitPerClientAddress(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) {
		o.RateLimit, o.RateBurst = 1, 3
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	api.SetRateInterval(p.api, time.Hour)
	for i, want := range []int{200, 200, 200, 429} {
		if a := p.get(t, "/api/v1/latest", "X-Forwarded-For: 198.51.100.9, 203.0.113.5, 192.0.2.7"); a.status != want {
			t.Errorf("request %d = %d, want %d", i, a.status, want)
		} else if want == 429 && a.header["Retry-After"] == "" {
			t.Errorf("429 without Retry-After: %+v", a)
		}
	}
	if a := p.get(t, "/api/v1/latest", "X-Forwarded-For: 203.0.113.6"); a.status != 200 {
		t.Errorf("another client behind the same proxy = %d, want 200", a.status)
	}
	if a := p.get(t, "/api/health"); a.status != 200 {
		t.Errorf("health = %d, want 200 whatever the rate", a.status)
	}
}

func TestRateLimiterSpacesRequests(t *testing.T) {
	t.Parallel()
	l := api.NewRateLimiter(10, 3)
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	const ms = time.Millisecond
	for i, tt := range []struct {
		of        netip.Addr
		now, wait time.Duration
	}{
		{one, 0, 0},
		{one, 0, 0},
		{one, 50 * ms, 0},
		{one, 50 * ms, 50 * ms},
		{other, 50 * ms, 0},
		{one, 99 * ms, ms},
		{one, 100 * ms, 0},
		{one, 100 * ms, 100 * ms},
		{one, time.Hour, 0}, // as if it had never been there
		{one, time.Hour, 0},
		{one, time.Hour, 0},
		{one, time.Hour, 100 * ms},
	} {
		if got := l.Reserve(tt.of, tt.now); got != tt.wait {
			t.Errorf("request %d, %v after the first, waits %v, want %v", i, tt.now, got, tt.wait)
		}
	}
}

func TestForwardedForIgnoredFromUntrustedPeer(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) { o.RateLimit, o.RateBurst = 1, 1 })
	api.SetRateInterval(p.api, time.Hour)
	p.get(t, "/api/v1/latest", "X-Forwarded-For: 203.0.113.5")
	if a := p.get(t, "/api/v1/latest", "X-Forwarded-For: 203.0.113.6"); a.status != 429 {
		t.Errorf("second request of one peer under another name = %d, want 429", a.status)
	}
}

func TestConnectionOverLimitServesProbesOnly(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(_ *api.Options, p *testServer) { p.overLimit = "connections of the process" })
	if a := p.get(t, "/api/v1/latest"); a.status != 503 || a.header["Retry-After"] == "" {
		t.Errorf("latest = %+v, want 503 with Retry-After", a)
	}
	if a := p.get(t, "/api/health"); a.status != 200 {
		t.Errorf("health = %+v, want 200", a)
	}
}

func TestCORSHeaders(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) { o.AllowedOrigins = origins(t, "https://dashboard.example") })
	const allow = "Access-Control-Allow-Origin"
	if a := p.get(t, "/api/v1/latest", "Origin: https://dashboard.example"); a.header[allow] != "https://dashboard.example" || a.header["Vary"] != "Origin" {
		t.Errorf("allowed origin: %+v", a.header)
	}
	if a := p.get(t, "/api/v1/latest", "Origin: https://evil.example"); a.header[allow] != "" {
		t.Errorf("another origin: %+v", a.header)
	}
	a := p.do(t, "OPTIONS", "/api/v1/telemetry", "", "Origin: https://dashboard.example", "Access-Control-Request-Method: POST")
	if a.status != 204 || !strings.Contains(a.header["Access-Control-Allow-Methods"], "POST") {
		t.Errorf("preflight = %+v", a)
	}
}
