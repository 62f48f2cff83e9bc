package api_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"

	"github.com/valyala/fasthttp"
)

func origins(t *testing.T, list ...string) access.Origins {
	t.Helper()
	set, err := access.ParseOrigins(list)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func keys(t *testing.T, list string) *access.Keys {
	t.Helper()
	l, err := access.Parse(list, 1)
	if err != nil {
		t.Fatal(err)
	}
	return access.NewKeys(l)
}

// refusals records what the API refuses.
type refusals struct {
	mu   sync.Mutex
	list []string
}

func (r *refusals) observe(kind, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, kind+" "+value)
}

func (r *refusals) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.list, ", ")
	r.list = nil
	return all
}

// changes are requests that change something, by method, path and body.
var changes = [][3]string{
	{"POST", "/api/v1/telemetry", `{"machine":"m","values":{"a":1}}`},
	{"POST", "/api/v2/write", "m,machine=m a=1"},
	{"POST", "/api/v1/dev-1/telemetry", `{"a":1}`},
	{"POST", "/api/v1/gw-1/gateway/telemetry", `{"d":[{"ts":1,"values":{"a":1}}]}`},
	{"PUT", "/api/v1/machines/m", `{}`},
	{"DELETE", "/api/v1/machines/m", ""},
	{"PUT", "/api/v1/machines/m/metrics/a", `{}`},
	{"POST", "/api/faults/panic", ""},
	{"DELETE", "/api/v1/session", ""},
	{"POST", "/external/x", "body"},
}

func withFaultsAndPrefix(o *api.Options, _ *testServer) {
	ok := func(ctx *fasthttp.RequestCtx) { ctx.SetStatusCode(fasthttp.StatusOK) }
	o.Faults = map[string]fasthttp.RequestHandler{"panic": ok, "panic-ws": ok}
	o.ExternalRoutes = []api.ExternalRoute{
		{Path: "/external/", Handler: func(ctx *fasthttp.RequestCtx, _ api.Client) error { ok(ctx); return nil }},
		{Method: "GET", Path: "/ws", AnyRole: true, Handler: func(ctx *fasthttp.RequestCtx, _ api.Client) error { ok(ctx); return nil }},
	}
}

func TestWithoutKeysPagesFromElsewhereChangeNothing(t *testing.T) {
	t.Parallel()
	var refused refusals
	p := startServer(t, func(o *api.Options, p *testServer) {
		withFaultsAndPrefix(o, p)
		o.AllowedOrigins, o.OnRefusal = origins(t, "https://screens.example.com"), refused.observe
	})
	for _, c := range changes {
		for sender, allowed := range map[string]bool{
			"Origin: http://evil.example": false, "Origin: null": false, "Origin: http://plant.evil.example": false,
			"Origin: http://plant:x": false, "Sec-Fetch-Site: cross-site": false, "Sec-Fetch-Site: same-site": false,
			"Sec-Fetch-Site: none": true, "Sec-Fetch-Site: same-origin": true,
			"Origin: http://plant": true, "Origin: https://Screens.example.com:443": true, "X-No-Page: 1": true,
		} {
			a := p.do(t, c[0], c[1], c[2], sender, "Content-Type: text/plain")
			if forbidden := a.status == fasthttp.StatusForbidden; forbidden == allowed {
				t.Errorf("%s %s with %s = %d %s", c[0], c[1], sender, a.status, a.body)
			}
			if got := refused.take(); (got == "") != allowed {
				t.Errorf("%s %s with %s reports %q", c[0], c[1], sender, got)
			}
		}
	}
	for _, path := range []string{"/ws", "/api/faults/panic-ws"} {
		if a := p.get(t, path, "Origin: http://evil.example", "Connection: Upgrade", "Upgrade: websocket"); a.status != 403 {
			t.Errorf("upgrade of %s by a page from elsewhere = %d, want 403", path, a.status)
		}
	}
	if a := p.get(t, "/api/v1/latest", "Origin: http://evil.example"); a.status != 200 || a.header["Access-Control-Allow-Origin"] != "" {
		t.Errorf("a read = %+v, want 200 that the browser keeps from the page", a)
	}
}

func TestWithoutKeysTheHostMustBeTheServers(t *testing.T) {
	t.Parallel()
	var refused refusals
	p := startServer(t, func(o *api.Options, _ *testServer) {
		o.OnRefusal = refused.observe
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	for _, header := range []string{"X-Forwarded-Host: rebind.example.com", "Forwarded: host=rebind.example.com"} {
		if a := p.get(t, "/api/v1/latest", "Host: backend", header); a.status != 421 {
			t.Errorf("%s of a trusted proxy = %d, want 421", header, a.status)
		}
	}
	for host, want := range map[string]int{"localhost:3000": 200, "10.1.2.3": 200, "[::1]:80": 200, "plant": 200, "rebind.example.com": 421, "a@b": 400} {
		if a := p.get(t, "/api/v1/latest", "Host: "+host); a.status != want && (want != 400 || a.status != 421) {
			t.Errorf("Host: %s = %d, want %d", host, a.status, want)
		}
	}
	if got := refused.take(); !strings.Contains(got, "host rebind.example.com") {
		t.Errorf("refused: %q", got)
	}
	if a := p.get(t, "/api/health", "Host: probe.example.com"); a.status != 200 {
		t.Errorf("a probe = %d, want 200 whatever the host", a.status)
	}
	withKeys := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = keys(t, "a:read:the-secret") })
	if a := withKeys.get(t, "/api/v1/latest", "Host: factory.example.com", "X-API-Key: the-secret"); a.status != 200 {
		t.Errorf("any host with a key = %d, want 200", a.status)
	}
}

func TestAPagesOwnOriginIsAllowed(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		o.Keys = keys(t, "a:read:the-secret")
	})
	for name, tt := range map[string]struct {
		headers []string
		want    bool
	}{
		"the host":                          {[]string{"Host: factory:3000", "Origin: http://factory:3000"}, true},
		"the host in other case":            {[]string{"Host: Factory", "Origin: http://FACTORY"}, true},
		"TLS ends at a proxy":               {[]string{"Host: factory", "Origin: https://factory"}, true},
		"a proxy drops the port":            {[]string{"Host: factory", "Origin: http://factory:8080"}, true},
		"another port":                      {[]string{"Host: factory:3000", "Origin: http://factory:8080"}, false},
		"X-Forwarded-Host":                  {[]string{"Host: backend:3000", "X-Forwarded-Host: factory.example.com", "Origin: https://factory.example.com"}, true},
		"X-Forwarded-Host with port":        {[]string{"Host: backend:3000", "X-Forwarded-Host: factory:8443", "Origin: https://factory:8443"}, true},
		"X-Forwarded-Host of two proxies":   {[]string{"Host: backend", "X-Forwarded-Host: evil.example, factory", "Origin: https://evil.example"}, false},
		"Forwarded":                         {[]string{"Host: backend", `Forwarded: for=1.2.3.4;host="factory:8443";proto=https`, "Origin: https://factory:8443"}, true},
		"the browser says so":               {[]string{"Host: backend", "Sec-Fetch-Site: same-origin", "Origin: https://factory"}, true},
		"the browser says the same site":    {[]string{"Host: backend", "Sec-Fetch-Site: same-site", "Origin: https://factory"}, false},
		"another host":                      {[]string{"Host: factory", "Origin: https://factory.evil.example"}, false},
		"another host and X-Forwarded-Host": {[]string{"Host: factory", "X-Forwarded-Host: factory", "Origin: https://evil.example"}, false},
	} {
		a := p.do(t, "DELETE", "/api/v1/session", "", tt.headers...)
		if (a.status == 204) != tt.want {
			t.Errorf("%s: %d %s, want allowed: %v", name, a.status, a.body, tt.want)
		}
	}
	untrusted := startServer(t, nil)
	if a := untrusted.do(t, "DELETE", "/api/v1/session", "", "Host: backend:3000", "X-Forwarded-Host: evil.example", "Origin: https://evil.example"); a.status != 403 {
		t.Errorf("X-Forwarded-Host of a peer that is no trusted proxy = %d, want 403", a.status)
	}
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	var refused refusals
	p := startServer(t, func(o *api.Options, _ *testServer) {
		o.Keys, o.OnRefusal = keys(t, "a:read:the-secret"), refused.observe
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:ffff::/48")}
	})
	for header, want := range map[string]string{
		"X-Forwarded-For: 203.0.113.5":                                   "203.0.113.5",
		"X-Forwarded-For: 203.0.113.5:41234":                             "203.0.113.5",
		"X-Forwarded-For: [2001:db8::7]:41234":                           "2001:db8::7",
		"X-Forwarded-For: [2001:db8::7]":                                 "2001:db8::7",
		"X-Forwarded-For: 2001:db8::7, [2001:db8:ffff::1]:80":            "2001:db8::7",
		"X-Forwarded-For: 10.0.0.1, 203.0.113.5 , 192.0.2.9":             "203.0.113.5",
		"X-Forwarded-For: 203.0.113.5, unknown":                          "192.0.2.1",
		`Forwarded: for=10.0.0.1, for="[2001:db8::7]:4711";proto=https`:  "2001:db8::7",
		"Forwarded: For=203.0.113.5;by=192.0.2.1":                        "203.0.113.5",
		"Forwarded: for=unknown":                                         "192.0.2.1",
		"X-Forwarded-For: 203.0.113.5\r\nForwarded: for=198.51.100.1":    "203.0.113.5",
		"X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-For: 192.0.2.7:55":  "203.0.113.5",
		"X-Forwarded-For: ::ffff:203.0.113.5":                            "203.0.113.5",
		"X-Forwarded-For: 10.0.0.1, 203.0.113.5,":                        "203.0.113.5",
		"X-Forwarded-For: 203.0.113.5, , 192.0.2.9\r\nX-Forwarded-For: ": "203.0.113.5",
	} {
		p.get(t, "/api/v1/latest", "X-API-Key: wrong", header)
		if got := refused.take(); got != "key "+want {
			t.Errorf("%s: refused %q, want the address %s", header, got, want)
		}
	}
}

func TestWrongKeysAreThrottled(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) {
		o.Keys = keys(t, "a:admin:the-secret")
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	from := func(network string, i int) string {
		return "X-Forwarded-For: 2001:db8:0:" + network + "::" + string(rune('1'+i%9))
	}
	seen := map[int]bool{}
	for i := range 40 {
		a := p.get(t, "/api/v1/latest", "X-API-Key: wrong", from("1", i))
		seen[a.status] = true
		if a.status == 429 && a.header["Retry-After"] == "" {
			t.Error("429 without Retry-After")
		}
	}
	if !seen[401] || !seen[429] || len(seen) != 2 {
		t.Errorf("wrong keys from one network get %v, want 401 and then 429", seen)
	}
	if a := p.do(t, "POST", "/api/v1/wrong/telemetry", "{}", from("1", 1)); a.status != 429 {
		t.Errorf("a wrong key in the path = %d, want 429", a.status)
	}
	if a := p.do(t, "POST", "/api/v1/session", `{"key":"wrong"}`, from("1", 1)); a.status != 429 {
		t.Errorf("a wrong key for a session = %d, want 429", a.status)
	}
	if a := p.get(t, "/api/v1/latest", "X-API-Key: the-secret", from("1", 1)); a.status != 200 {
		t.Errorf("the right key from the same network = %d, want 200", a.status)
	}
	if a := p.get(t, "/api/v1/latest", from("1", 1)); a.status != 401 {
		t.Errorf("no key = %d, want 401", a.status)
	}
	if a := p.get(t, "/api/v1/latest", "X-API-Key: wrong", from("2", 1)); a.status != 401 {
		t.Errorf("a wrong key from another network = %d, want 401", a.status)
	}
}
