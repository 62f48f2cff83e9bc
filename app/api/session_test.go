package api_test

import (
	"net/netip"
	"strings"
	"testing"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
)

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	configured := keys(t, "a:admin:the-secret")
	p := startServer(t, func(o *api.Options, p *testServer) {
		withFaultsAndPrefix(o, p)
		o.Keys = configured
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	a := p.do(t, "POST", "/api/v1/session", `{"key":"the-secret"}`, "Origin: http://plant")
	cookie, attributes, _ := strings.Cut(a.header["Set-Cookie"], ";")
	if a.status != 200 || !strings.Contains(a.body, `"name":"a","role":"admin"`) || strings.Contains(cookie, "secret") {
		t.Fatalf("POST session = %d %s, %s", a.status, a.body, cookie)
	}
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "path=/", "max-age="} {
		if !strings.Contains(attributes, want) {
			t.Errorf("the cookie has the attributes %s, want %s", attributes, want)
		}
	}
	if strings.Contains(attributes, "secure") {
		t.Error("the cookie is Secure without TLS")
	}
	if a := p.do(t, "POST", "/api/v1/session", `{"key":"the-secret"}`, "X-Forwarded-Proto: https"); !strings.Contains(a.header["Set-Cookie"], "secure") {
		t.Errorf("the cookie behind a proxy with TLS is not Secure: %s", a.header["Set-Cookie"])
	}

	cookie = "Cookie: other=1; " + cookie
	const body = `{"machine":"m","values":{"a":1}}`
	if a := p.do(t, "GET", "/api/v1/session", "", cookie); a.status != 200 || a.body != `{"open":false,"name":"a","role":"admin"}` {
		t.Errorf("GET session = %d %s, want the user", a.status, a.body)
	}
	if a := p.do(t, "GET", "/api/v1/session", ""); a.status != 401 {
		t.Errorf("GET session without a cookie = %d, want 401", a.status)
	}
	for name, tt := range map[string]struct {
		method, path, body string
		headers            []string
		want               int
	}{
		"reads":                         {"GET", "/api/v1/latest", "", []string{cookie}, 200},
		"writes from its own page":      {"POST", "/api/v1/telemetry", body, []string{cookie, "Origin: http://plant"}, 200},
		"writes without an origin":      {"POST", "/api/v1/telemetry", body, []string{cookie}, 403},
		"writes from elsewhere":         {"POST", "/api/v1/telemetry", body, []string{cookie, "Origin: http://evil.example"}, 403},
		"opens a WebSocket":             {"GET", "/ws", "", []string{cookie, "Origin: http://plant", "Upgrade: websocket"}, 200},
		"a WebSocket from elsewhere":    {"GET", "/ws", "", []string{cookie, "Origin: http://evil.example", "Upgrade: websocket"}, 403},
		"a key needs no origin":         {"POST", "/api/v1/telemetry", body, []string{cookie, "X-API-Key: the-secret"}, 200},
		"forged":                        {"GET", "/api/v1/latest", "", []string{"Cookie: smartfactory_session=a~AAAA"}, 401},
		"a WebSocket with a protocol":   {"GET", "/ws", "", []string{"Sec-WebSocket-Protocol: x, bearer.the-secret", "Upgrade: websocket"}, 200},
		"a WebSocket, a wrong protocol": {"GET", "/ws", "", []string{"Sec-WebSocket-Protocol: bearer.wrong", "Upgrade: websocket"}, 401},
	} {
		if a := p.do(t, tt.method, tt.path, tt.body, tt.headers...); a.status != tt.want {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.body, tt.want)
		}
	}
	if a := p.do(t, "POST", "/api/v1/telemetry", body, cookie); !strings.Contains(a.body, "needs an Origin header") {
		t.Errorf("a write without an origin: %s, want what is missing", a.body)
	}
	for body, want := range map[string]int{`{"key":"wrong"}`: 401, `{}`: 401, `{"key":1}`: 400, `{"key":"a","x":1}`: 400, `nope`: 400} {
		if a := p.do(t, "POST", "/api/v1/session", body); a.status != want || a.header["Set-Cookie"] != "" {
			t.Errorf("POST session %s = %d %s, want %d and no cookie", body, a.status, a.body, want)
		}
	}
	if a := p.do(t, "POST", "/api/v1/session", `{"key":"the-secret"}`, "Origin: http://evil.example"); a.status != 403 {
		t.Errorf("a session for a page from elsewhere = %d, want 403", a.status)
	}
	if a := p.do(t, "DELETE", "/api/v1/session", ""); a.status != 204 || !strings.Contains(a.header["Set-Cookie"], "expires=") {
		t.Errorf("DELETE session = %d %s", a.status, a.header["Set-Cookie"])
	}
	own := []string{cookie, "Origin: http://plant"}
	if a := p.do(t, "DELETE", "/api/v1/session", "", cookie, "Origin: http://evil.example"); a.status != 403 {
		t.Errorf("DELETE session by a page from elsewhere = %d, want 403", a.status)
	}
	if a := p.get(t, "/api/v1/latest", own...); a.status != 200 {
		t.Errorf("the session = %d, want 200", a.status)
	}
	p.do(t, "DELETE", "/api/v1/session", "", own...)
	if a := p.get(t, "/api/v1/latest", own...); a.status != 401 {
		t.Errorf("a copy of the cookie after DELETE session = %d, want 401", a.status)
	}
	a = p.do(t, "POST", "/api/v1/session", `{"key":"the-secret"}`, "Origin: http://plant")
	cookie, _, _ = strings.Cut(a.header["Set-Cookie"], ";")
	cookie = "Cookie: " + cookie
	if a := p.get(t, "/api/v1/latest", cookie); a.status != 200 {
		t.Errorf("a new session = %d, want 200", a.status)
	}
	rotated, err := access.Parse("a:admin:new-secret", 1)
	if err != nil {
		t.Fatal(err)
	}
	configured.Replace(rotated)
	if a := p.get(t, "/api/v1/latest", cookie); a.status != 401 {
		t.Errorf("a session after its key's secret changed = %d, want 401", a.status)
	}
}
