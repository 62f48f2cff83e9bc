package api_test

import (
	"strings"
	"testing"
)

// Names that decoders would merge, or that look like another name, are refused on
// every way in.
func TestDamagedAndInvisibleNamesAreRefused(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	escapes := []string{`\ud800`, `\uDC00`, `\udc00\ud800`, `a\ud83c`, `\ud800\u0041`, `a\u202eb`, `a\u200bb`, `a\u2028b`, `e\u0301`, `\ufffd`}
	for _, name := range escapes {
		for request, body := range map[string]string{
			"POST /api/v1/telemetry machine":    `{"machine":"` + name + `","values":{"a":1}}`,
			"POST /api/v1/telemetry metric":     `{"machine":"m","values":{"` + name + `":1}}`,
			"POST /api/v1/dev/telemetry":        `{"` + name + `":1}`,
			"POST /api/v1/gw/gateway/telemetry": `{"` + name + `":[{"ts":1700000000000,"values":{"a":1}}]}`,
			"PUT /api/v1/machines/m site":       `{"site":"` + name + `"}`,
			"PUT /api/v1/machines/m attribute":  `{"attributes":{"` + name + `":"x"}}`,
		} {
			method, rest, _ := strings.Cut(request, " ")
			path, _, _ := strings.Cut(rest, " ")
			if a := p.do(t, method, path, body); a.status != 400 {
				t.Errorf("%s with %s = %d %s, want 400", request, name, a.status, a.body)
			}
		}
	}
	if a := p.do(t, "PUT", "/api/v1/machines/m", `{"attributes":{"a":"x\ud800"}}`); a.status != 400 {
		t.Errorf("half a surrogate pair in an attribute = %d %s, want 400", a.status, a.body)
	}
	for _, name := range []string{"%ED%A0%80", "%FF", "a%E2%80%AEb", "a%E2%80%8B", "e%CC%81"} {
		if a := p.do(t, "PUT", "/api/v1/machines/"+name, "{}"); a.status != 400 {
			t.Errorf("PUT machine %s = %d, want 400", name, a.status)
		}
	}
	for _, name := range []string{"a\u202eb", "a\u200b", "e\u0301", "\xed\xa0\x80"} {
		if a := p.do(t, "POST", "/api/v2/write", "m,machine="+name+" a=1"); a.status != 400 {
			t.Errorf("line protocol with the machine %q = %d, want 400", name, a.status)
		}
	}
	if got := p.storedReadings(t); got != "" {
		t.Errorf("stored: %s", got)
	}
}
