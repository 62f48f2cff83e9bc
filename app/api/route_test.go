package api_test

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"smart-factory-backend/app/api"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	p := startServer(t, withExternalRoutes)
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
		{"GET", "/", 200, ""},
		{"GET", "/index.html", 404, ""},
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
		"TE identity":                     post("Transfer-Encoding: identity\r\n", ""),
		"TE identity in other case":       post("transfer-encoding: Identity\r\n", ""),
		"empty TE":                        post("Transfer-Encoding:\r\n", ""),
		"TE chunked, chunked":             post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
		"TE after a tab":                  post("Transfer-Encoding:\tidentity\r\n", ""),
		"TE identity and Content-Length":  post("Transfer-Encoding: identity\r\nContent-Length: 0\r\n", ""),
		"TE of an unknown coding":         post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
		"TE on a folded line":             post("X-A: b\r\n Transfer-Encoding: chunked\r\n", ""),
		"a header name with a space":      post("X A: b\r\nContent-Length: 0\r\n", ""),
		"a header line without a colon":   post("Content-Length\r\n", ""),
		"a header line without a name":    post(": 0\r\n", ""),
		"a header name with a slash":      post("Content/Length: 0\r\n", ""),
		"a header name beyond ASCII":      post("X-\xe9: 0\r\n", ""),
		"a fragment in the target":        "GET /api/health#x HTTP/1.1\r\nHost: x\r\n\r\n",
		"a Host with a user":              "GET /api/health HTTP/1.1\r\nHost: a@b\r\n\r\n",
		"a Host with a space":             "GET /api/health HTTP/1.1\r\nHost: a b\r\n\r\n",
		"a Host with a path":              "GET /api/health HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"a Host with a wrong port":        "GET /api/health HTTP/1.1\r\nHost: a:b\r\n\r\n",
		"a Host with a port too high":     "GET /api/health HTTP/1.1\r\nHost: a:70000\r\n\r\n",
		"a Host with an open bracket":     "GET /api/health HTTP/1.1\r\nHost: [::1\r\n\r\n",
		"a list of Hosts":                 "GET /api/health HTTP/1.1\r\nHost: a, b\r\n\r\n",
		"an empty Host":                   "GET /api/health HTTP/1.1\r\nHost:\r\n\r\n",
		"an unknown expectation":          post("Expect: the-unexpected\r\nContent-Length: 0\r\n", ""),
		"an expectation for no route":     "POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
		"an expectation of 99 GB":         post("Expect: 100-continue\r\nContent-Length: 99000000000\r\n", ""),
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

// A client that waits for 100 Continue hears at once what is wrong with its request.
func TestContinueFollowsTheChecks(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = keys(t, "a:ingest:the-secret,b:read:another-one") })
	for name, tt := range map[string]struct{ target, headers, want string }{
		"a good request":   {"/api/v1/telemetry", "X-API-Key: the-secret\r\nContent-Length: 35", "100"},
		"no key":           {"/api/v1/telemetry", "Content-Length: 35", "401"},
		"a wrong key":      {"/api/v1/telemetry", "X-API-Key: wrong\r\nContent-Length: 35", "401"},
		"a role too small": {"/api/v1/telemetry", "X-API-Key: another-one\r\nContent-Length: 35", "403"},
		"no such path":     {"/api/v1/nothing", "X-API-Key: the-secret\r\nContent-Length: 35", "404"},
		"a wrong method":   {"/api/v1/latest", "X-API-Key: the-secret\r\nContent-Length: 35", "405"},
		"a body too large": {"/api/v1/telemetry", "X-API-Key: the-secret\r\nContent-Length: 99000000000", "413"},
	} {
		c := p.dial(t)
		request := "POST " + tt.target + " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + tt.headers + "\r\n\r\n"
		go func() { _, _ = io.WriteString(c, request) }()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 "+tt.want+" ") {
			t.Errorf("%s: %q, %v, want %s before the body is sent", name, line, err, tt.want)
		}
		_ = c.Close()
	}
}

func TestLoadBalancersAndSlashesFindTheirResource(t *testing.T) {
	t.Parallel()
	p := startServer(t, withExternalRoutes)
	if a := p.do(t, "PUT", "/api/v1/machines/metrics", "{}"); a.status != 201 {
		t.Fatalf("PUT = %+v", a)
	}
	for request, want := range map[string]int{
		"GET /": 200, "HEAD /": 200, "OPTIONS /": 204, "OPTIONS *": 204, "POST /": 405, "GET /api/health/": 200, "GET //api//health//": 200,
		"GET /api/v1/latest/": 200, "GET //api/v1/machines/metrics/": 200, "GET /api/v1/machines//metrics": 404, "DELETE /api/v1/machines//metrics": 404,
		"GET /api/v1/machines/": 200, "GET /index.html": 404,
	} {
		method, path, _ := strings.Cut(request, " ")
		if a := p.do(t, method, path, ""); a.status != want {
			t.Errorf("%s = %d, want %d", request, a.status, want)
		}
	}
}
