package access_test

import (
	"net/netip"
	"testing"

	"smart-factory-backend/app/access"
)

func TestOriginsAreNormalized(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://screens.example.com": "https://screens.example.com", "HTTPS://Screens.Example.com:443": "https://screens.example.com",
		"http://plant:80": "http://plant", "https://plant:0443": "https://plant", "http://plant:8080": "http://plant:8080", "http://[::1]:3000": "http://[::1]:3000",
		"http://[0:0::1]": "http://[::1]", "http://10.0.0.7": "http://10.0.0.7", "capacitor://localhost": "capacitor://localhost",
		"https://example.com.": "https://example.com", "https://example.com:80": "https://example.com:80",
	} {
		if o, ok := access.ParseOrigin(text); !ok || o.String() != want {
			t.Errorf("ParseOrigin(%q) = %v, %v, want %s", text, o, ok, want)
		}
	}
	for _, text := range []string{
		"", "null", "example.com", "https://", "https:///x", "https://a/", "https://a?b", "https://a#", "https://u@a", "https://a b",
		"https://a:port", "https://a:99999", "https://[::1", "https://a,https://b", "https://a\\b", "file://", "https://[10.0.0.1]",
	} {
		if o, ok := access.ParseOrigin(text); ok {
			t.Errorf("ParseOrigin(%q) = %v, want false", text, o)
		}
	}
}

func TestOriginsContainTheirPatterns(t *testing.T) {
	t.Parallel()
	set, err := access.ParseOrigins([]string{"https://*.example.com", "HTTP://Plant:80", "https://a.test:8443"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"https://a.example.com": true, "https://a.b.EXAMPLE.com:443": true, "https://example.com": false, "http://a.example.com": false,
		"https://a.example.com:8443": false, "https://badexample.com": false, "https://a.example.com.evil.test": false,
		"http://plant": true, "https://plant": false, "https://a.test:8443": true, "https://a.test": false,
	} {
		o, ok := access.ParseOrigin(text)
		if !ok || set.Contain(o) != want {
			t.Errorf("Contain(%s) = %v, want %v", text, !want, want)
		}
	}
	for _, text := range []string{
		"https://*", "https://a.*.com", "*.example.com", "https://*example.com", "https://**.example.com", "example.com", "https://a/b", "null",
		"https://*.*.com", "", "https://*.", "http://a:b",
	} {
		if _, err := access.ParseOrigins([]string{text}); err == nil {
			t.Errorf("ParseOrigins(%q) succeeds, want an error", text)
		}
	}
	if all, err := access.ParseOrigins([]string{"*"}); err != nil || !all.Contain(access.Origin{Scheme: "https", Host: "any.test"}) {
		t.Errorf("* does not contain every origin: %v", err)
	}
}

func TestHostsRefuseNamesThatStrangersCanRegister(t *testing.T) {
	t.Parallel()
	set, err := access.ParseHosts([]string{"Factory.example.com", "*.plant.test"})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]bool{
		"localhost": true, "LOCALHOST:3000": true, "app.localhost": true, "127.0.0.1:3000": true, "[::1]:3000": true, "192.168.7.5": true,
		"backend:3000": true, "printer.local": true, "host.docker.internal:3000": true, "backend.plant.svc": true,
		"backend.plant.svc.cluster.local": true, "factory.example.com": true, "factory.example.com.:80": true, "a.b.plant.test": true,
		"plant.test": false, "evil.example": false, "evil.factory.example.com": false, "localhost.evil.example": false,
		"127.0.0.1.evil.example": false, "": false, "a@b": false, "[::1": false, "a:b:c": false,
	} {
		if set.Contain(header) != want {
			t.Errorf("Contain(%q) = %v, want %v", header, !want, want)
		}
	}
	for _, text := range []string{"https://a", "a:80", "*", "*.*", "a b", "*a.com", ".a.com"} {
		if _, err := access.ParseHosts([]string{text}); (err == nil) != (text == "*") {
			t.Errorf("ParseHosts(%q) = %v", text, err)
		}
	}
}

func TestClientNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::", "::1": "::",
	} {
		if got := access.ClientNetwork(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("ClientNetwork(%s) = %s, want %s", addr, got, want)
		}
	}
}
