package metrics_test

import (
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
	h := metrics.AdminHandler(s, detail)

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
			status, kind, body := request(t, h, tt.method, tt.path)
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

// request serves a request without a body. It uses no connection: under load the
// kernel may reset one when it runs out of memory for TCP.
func request(t *testing.T, h http.Handler, method, path string) (status int, kind, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return w.Code, w.Header().Get("Content-Type"), w.Body.String()
}

func TestAdminReportsUnencodableDetail(t *testing.T) {
	t.Parallel()
	h := metrics.AdminHandler(metrics.New(), func() any { return func() {} })
	status, _, body := request(t, h, "GET", "/api/health")
	if status != http.StatusInternalServerError || !strings.Contains(body, "unsupported type") {
		t.Errorf("GET /api/health = %d, %q, want 500 with the cause", status, body)
	}
}
