package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAdminPagesAreForTheHostsOfTheServer(t *testing.T) {
	t.Parallel()
	a, log := newApp(t, testSettings(t, "ADMIN_ADDR=localhost:0", "ALLOWED_HOSTS=metrics.example.com"))
	a.config.AdminAddr = "admin.example.com:9464"
	hosts, err := a.allowedHosts()
	if err != nil {
		t.Fatal(err)
	}
	pages := onlyFor(hosts, newRefusals(a.log, a.metrics).observe, http.NotFoundHandler())
	for host, want := range map[string]int{
		"127.0.0.1:9464": 404, "admin.example.com:9464": 404, "metrics.example.com": 404, "rebind.example.com:9464": 421,
	} {
		r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil), httptest.NewRecorder()
		r.Host = host
		if pages.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Host: %s = %d, want %d", host, w.Code, want)
		}
	}
	if !strings.Contains(log.String(), "host refused") || !strings.Contains(log.String(), "rebind.example.com") {
		t.Errorf("the refusal is not logged: %s", log.String())
	}
}
