package api_test

import (
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/health", 200, ""},
		{"HEAD", "/api/health", 200, ""},
		{"GET", "/api/health/live", 200, ""},
		{"GET", "/api/health/startup", 200, ""},
		{"POST", "/api/health", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/api/v1/telemetry", 405, "POST, OPTIONS"},
		{"OPTIONS", "/api/v1/latest", 204, "GET, HEAD, OPTIONS"},
		{"GET", "/", 404, ""},
		{"GET", "/api/v1/machines/m", 404, ""},
		{"GET", "/api/v1/machines/{id}/history", 404, ""},
		{"GET", "/api/v1/machines/a/b/history", 404, ""},
		{"POST", "/api/faults/panic", 404, ""},
		{"BREW", "/api/health", 405, "GET, HEAD, OPTIONS"},
	} {
		a := p.do(t, tt.method, tt.path, "")
		if a.status != tt.status || a.header["Allow"] != tt.allow {
			t.Errorf("%s %s = %d, Allow %q; want %d, %q", tt.method, tt.path, a.status, a.header["Allow"], tt.status, tt.allow)
		}
		if a.header["X-Request-Id"] == "" {
			t.Errorf("%s %s has no X-Request-Id", tt.method, tt.path)
		}
		if a.status >= 400 {
			a.problem(t)
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if got := p.get(t, "/api/health", "X-Request-Id: abc-123").header["X-Request-Id"]; got != "abc-123" {
		t.Errorf("a client's id = %q, want it back", got)
	}
	for _, bad := range []string{"a b", "<script>", strings.Repeat("x", 129)} {
		if got := p.get(t, "/api/health", "X-Request-Id: "+bad).header["X-Request-Id"]; got == bad || got == "" {
			t.Errorf("id %.20q came back as %.20q, want one of ours", bad, got)
		}
	}
	if a, b := p.get(t, "/nope"), p.get(t, "/nope"); a.header["X-Request-Id"] == b.header["X-Request-Id"] || a.problem(t).RequestID != a.header["X-Request-Id"] {
		t.Errorf("ids of two requests: %q and %q, in the body %q", a.header["X-Request-Id"], b.header["X-Request-Id"], a.problem(t).RequestID)
	}
}

func TestNotReadyWhileDraining(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	if a := p.get(t, "/api/health/ready"); a.status != 200 {
		t.Fatalf("ready = %+v", a)
	}
	_ = p.store.Close()
	p = startServer(t, nil)
	p.draining = true
	if a := p.get(t, "/api/health/ready"); a.status != 503 {
		t.Errorf("ready while draining = %+v, want 503", a)
	}
	if a := p.get(t, "/api/health"); a.status != 200 {
		t.Errorf("liveness while draining = %+v, want 200", a)
	}
}

// A proxy in front could disagree with this server on where each of these requests
// ends. The server must reject it and close the connection, and not serve the rest
// as a second request.
func TestAmbiguousRequestsAreRejected(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	const next = "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
	post := func(headers, body string) string {
		return "POST /api/v1/telemetry HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body
	}
	for name, request := range map[string]string{
		"TE and Content-Length":           post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"),
		"Content-Length and TE":           post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
		"two TE":                          post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
		"TE other than chunked":           post("Transfer-Encoding: gzip\r\n", "0\r\n\r\n"),
		"TE with chunked not last":        post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
		"two Content-Lengths":             post("Content-Length: 0\r\nContent-Length: 39\r\n", ""),
		"a list of Content-Lengths":       post("Content-Length: 0, 39\r\n", ""),
		"a negative Content-Length":       post("Content-Length: -1\r\n", ""),
		"a Content-Length with a plus":    post("Content-Length: +0\r\n", ""),
		"a hexadecimal Content-Length":    post("Content-Length: 0x0\r\n", ""),
		"a Content-Length of 20 digits":   post("Content-Length: 18446744073709551616\r\n", ""),
		"space before the colon":          post("Content-Length : 0\r\n", ""),
		"TE under HTTP/1.0":               "POST /api/v1/telemetry HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a NUL in a header":               post("X-A: b\x00c\r\nContent-Length: 0\r\n", ""),
		"a bare CR in a header":           post("X-A: b\rContent-Length: 0\r\n", ""),
		"a chunk size that overflows":     post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"),
		"a chunk size with a sign":        post("Transfer-Encoding: chunked\r\n", "+0\r\n\r\n"),
		"chunk data longer than its size": post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"),
		"HTTP/9.9":                        "GET /api/health HTTP/9.9\r\nHost: x\r\n\r\n",
		"HTTP/2's preface":                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"missing Host":                    "GET /api/health HTTP/1.1\r\n\r\n",
		"two Hosts":                       "GET /api/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"missing version":                 "GET /api/health\r\n\r\n",
		"garbage":                         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"a header of 100 kB":              "GET /api/health HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 100_000) + "\r\n\r\n",
		"a request line of 100 kB":        "GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"a space in the request's target": "GET /api/health x HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := p.sendRaw(t, request+next)
			if n := strings.Count(got, "\r\nDate: "); n != 1 || !strings.HasPrefix(got, "HTTP/1.1 4") && !strings.HasPrefix(got, "HTTP/1.1 505 ") {
				t.Errorf("%d responses, want one that refuses: %.300q", n, got)
			}
		})
	}
	if a := p.get(t, "/api/health"); a.status != 200 {
		t.Errorf("health afterwards = %+v", a)
	}
}
