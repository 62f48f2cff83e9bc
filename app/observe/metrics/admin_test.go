package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"smart-factory-backend/app/observe/metrics"
)

func TestAdminPages(t *testing.T) {
	t.Parallel()
	s := metrics.New()
	s.Route("GET", "/api/health").Observe(200, .001)
	detail := func() any { return map[string]any{"status": "degraded", "error": "disk full"} }
	server := httptest.NewServer(metrics.AdminHandler(s, detail))
	t.Cleanup(server.Close)

	for name, tt := range map[string]struct {
		method, path string
		status       int
		kind, want   string
	}{
		"the index":         {"GET", "/", 200, "text/plain", "/debug/pprof/"},
		"metrics":           {"GET", "/metrics", 200, "text/plain; version=0.0.4", "smartfactory_http_requests_total"},
		"health in detail":  {"GET", "/api/health", 200, "application/json", `{"error":"disk full","status":"degraded"}`},
		"list of profiles":  {"GET", "/debug/pprof/", 200, "text/html", "goroutine"},
		"a profile":         {"GET", "/debug/pprof/goroutine?debug=1", 200, "text/plain", "goroutine profile"},
		"symbols":           {"POST", "/debug/pprof/symbol", 200, "text/plain", "num_symbols"},
		"an unknown page":   {"GET", "/metricz", 404, "", ""},
		"a write to a page": {"POST", "/metrics", 405, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, kind, body := request(t, tt.method, server.URL+tt.path)
			if status != tt.status || !strings.HasPrefix(kind, tt.kind) || !strings.Contains(body, tt.want) {
				t.Errorf("%s %s = %d, %s, %q, want %d, %s with %q", tt.method, tt.path, status, kind, body, tt.status, tt.kind, tt.want)
			}
			if tt.path == "/metrics" && status == 200 {
				if _, err := parse(body); err != nil {
					t.Errorf("GET /metrics: %v", err)
				}
			}
		})
	}
}

// request sends a request without a body, on a connection of its own.
func request(t *testing.T, method, url string) (status int, kind, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(all)
}

func TestAdminReportsUnencodableDetail(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(metrics.AdminHandler(metrics.New(), func() any { return func() {} }))
	t.Cleanup(server.Close)
	status, _, body := request(t, "GET", server.URL+"/api/health")
	if status != http.StatusInternalServerError || !strings.Contains(body, "unsupported type") {
		t.Errorf("GET /api/health = %d, %q, want 500 with the cause", status, body)
	}
}
