package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"

	"github.com/valyala/fasthttp"
)

// invalidHeads are request heads that must be refused, and their status.
var invalidHeads = map[string]struct {
	head   string // without the empty line
	status int
}{
	"TE identity":                       {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity", 400},
	"TE identity, Content-Length":       {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 5", 400},
	"TE in upper case with identity":    {"POST /write HTTP/1.1\r\nHost: x\r\nTRANSFER-ENCODING: IDENTITY", 400},
	"TE chunked, identity":              {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity", 400},
	"TE chunked twice in a list":        {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked", 400},
	"TE gzip, chunked":                  {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked", 400},
	"TE xchunked":                       {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked", 400},
	"TE with a parameter":               {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked;q=1", 400},
	"TE empty":                          {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:", 400},
	"TE quoted":                         {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \"chunked\"", 400},
	"TE with a vertical tab":            {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked", 400},
	"TE twice":                          {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400},
	"TE folded":                         {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked", 400},
	"TE and Content-Length":             {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", 400},
	"TE on GET":                         {"GET /api/health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity", 400},
	"TE under HTTP/1.0":                 {"POST /write HTTP/1.0\r\nTransfer-Encoding: chunked", 400},
	"a tab before TE's colon":           {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\t: chunked", 400},
	"a space before TE's colon":         {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked", 400},
	"a space inside TE":                 {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer Encoding: chunked", 400},
	"equal Content-Lengths":             {"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5", 400},
	"different Content-Lengths":         {"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\ncontent-length: 6", 400},
	"a list as Content-Length":          {"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 5,5", 400},
	"a signed Content-Length":           {"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: +5", 400},
	"an empty Content-Length":           {"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length:", 400},
	"a Content-Length on GET":           {"GET /api/health HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5", 400},
	"a space in a name":                 {"GET /api/health HTTP/1.1\r\nHost: x\r\nX A: b", 400},
	"an empty name":                     {"GET /api/health HTTP/1.1\r\nHost: x\r\n: b", 400},
	"no colon":                          {"GET /api/health HTTP/1.1\r\nHost: x\r\nnonsense", 400},
	"a NUL in a name":                   {"GET /api/health HTTP/1.1\r\nHost: x\r\nX\x00A: b", 400},
	"a high byte in a name":             {"GET /api/health HTTP/1.1\r\nHost: x\r\nX\xe9A: b", 400},
	"parentheses in a name":             {"GET /api/health HTTP/1.1\r\nHost: x\r\nX(A): b", 400},
	"a NUL in a value":                  {"GET /api/health HTTP/1.1\r\nHost: x\r\nX: a\x00b", 400},
	"a CR in a value":                   {"GET /api/health HTTP/1.1\r\nHost: x\r\nX: a\rb", 400},
	"a folded line":                     {"GET /api/health HTTP/1.1\r\nHost: x\r\nX: a\r\n b", 400},
	"a folded line after a tab":         {"GET /api/health HTTP/1.1\r\nHost: x\r\nX: a\r\n\tb", 400},
	"a space before the first name":     {"GET /api/health HTTP/1.1\r\n Host: x", 400},
	"a bare LF":                         {"GET /api/health HTTP/1.1\r\nHost: x\nX: a", 400},
	"no Host":                           {"GET /api/health HTTP/1.1\r\nX: a", 400},
	"an empty Host":                     {"GET /api/health HTTP/1.1\r\nHost:", 400},
	"two Hosts":                         {"GET /api/health HTTP/1.1\r\nHost: x\r\nHost: x", 400},
	"userinfo in Host":                  {"GET /api/health HTTP/1.1\r\nHost: a@b", 400},
	"userinfo with password in Host":    {"GET /api/health HTTP/1.1\r\nHost: a:b@c:80", 400},
	"a space in Host":                   {"GET /api/health HTTP/1.1\r\nHost: a b", 400},
	"a comma in Host":                   {"GET /api/health HTTP/1.1\r\nHost: a,b", 400},
	"a path in Host":                    {"GET /api/health HTTP/1.1\r\nHost: a/b", 400},
	"a fragment in Host":                {"GET /api/health HTTP/1.1\r\nHost: a#b", 400},
	"a scheme in Host":                  {"GET /api/health HTTP/1.1\r\nHost: http://a", 400},
	"a port that is no number":          {"GET /api/health HTTP/1.1\r\nHost: a:b", 400},
	"a port over 65535":                 {"GET /api/health HTTP/1.1\r\nHost: a:65536", 400},
	"two ports":                         {"GET /api/health HTTP/1.1\r\nHost: a:1:2", 400},
	"a signed port":                     {"GET /api/health HTTP/1.1\r\nHost: a:+80", 400},
	"an open bracket":                   {"GET /api/health HTTP/1.1\r\nHost: [::1", 400},
	"a name in brackets":                {"GET /api/health HTTP/1.1\r\nHost: [a]", 400},
	"an invalid Host under HTTP/1.0":    {"GET /api/health HTTP/1.0\r\nHost: a@b", 400},
	"a fragment in the target":          {"GET /api/health#y HTTP/1.1\r\nHost: x", 400},
	"a space in the target":             {"GET /api/health y HTTP/1.1\r\nHost: x", 400},
	"a control in the target":           {"GET /api/health\x01 HTTP/1.1\r\nHost: x", 400},
	"a DEL in the target":               {"GET /api/health\x7f HTTP/1.1\r\nHost: x", 400},
	"a tab in the target":               {"GET /api/health\t HTTP/1.1\r\nHost: x", 400},
	"no slash in the target":            {"GET api/health HTTP/1.1\r\nHost: x", 400},
	"a target elsewhere":                {"GET http://y/api/health HTTP/1.1\r\nHost: x", 400},
	"a target on another port":          {"GET http://x:81/api/health HTTP/1.1\r\nHost: x", 400},
	"a target with userinfo":            {"GET http://a@x/api/health HTTP/1.1\r\nHost: x", 400},
	"a target without authority":        {"GET http:///api/health HTTP/1.1\r\nHost: x", 400},
	"a target of another scheme":        {"GET ftp://x/api/health HTTP/1.1\r\nHost: x", 400},
	"an asterisk with GET":              {"GET * HTTP/1.1\r\nHost: x", 400},
	"an asterisk with more":             {"OPTIONS *x HTTP/1.1\r\nHost: x", 400},
	"HTTP/1.2":                          {"GET /api/health HTTP/1.2\r\nHost: x", 505},
	"HTTP/2.0":                          {"POST /write HTTP/2.0\r\nHost: x", 505},
	"HTTP/0.9":                          {"GET /api/health HTTP/0.9\r\nHost: x", 505},
	"a version in lower case":           {"GET /api/health http/1.1\r\nHost: x", 400},
	"a version with more digits":        {"GET /api/health HTTP/1.10\r\nHost: x", 400},
	"an unknown expectation":            {"POST /write HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\nContent-Length: 5", 417},
	"an expectation among others":       {"POST /write HTTP/1.1\r\nHost: x\r\nExpect: 100-continue, x\r\nContent-Length: 5", 417},
	"a second, unknown expectation":     {"POST /write HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nExpect: x\r\nContent-Length: 5", 417},
	"garbage before the method":         {"\x00\x00GET /api/health HTTP/1.1\r\nHost: x", 400},
	"a space before the method":         {" GET /api/health HTTP/1.1\r\nHost: x", 400},
	"a method that is no token":         {"G(T /api/health HTTP/1.1\r\nHost: x", 400},
	"a Content-Length beyond 64 bits":   {"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 184467440737095516160", 400},
	"a Content-Length with whitespace":  {"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 1 2", 400},
	"a name that continues after CR":    {"POST /write HTTP/1.1\r\nHost: x\r\nX\r: a", 400},
	"a header without its name's colon": {"POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding chunked", 400},
}

// A request whose head is invalid is refused, and what follows it is never served as
// a second request.
func TestInvalidHeadsAreRefused(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for name, tt := range invalidHeads {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := p.sendRaw(t, tt.head+"\r\n\r\nGET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
			first := fmt.Sprintf("HTTP/1.1 %d ", tt.status)
			if n := strings.Count(got, "\r\nDate: "); n != 1 || !strings.HasPrefix(got, first) || !strings.Contains(got, "Connection: close\r\n") {
				t.Errorf("%d responses, want one %q that closes: %.300q", n, first, got)
			}
		})
	}
}

func TestValidHeadsAreServed(t *testing.T) {
	t.Parallel()
	p := startServer(t, nil)
	for name, head := range map[string]string{
		"a port":                     "GET /api/health HTTP/1.1\r\nHost: x:80",
		"an IPv6 address":            "GET /api/health HTTP/1.1\r\nHost: [::1]:3000",
		"an underscore":              "GET /api/health HTTP/1.1\r\nHost: smart_factory",
		"no Host under HTTP/1.0":     "GET /api/health HTTP/1.0\r\nConnection: keep-alive",
		"tabs around a value":        "GET /api/health HTTP/1.1\r\nHost:\tx\t",
		"an empty value":             "GET /api/health HTTP/1.1\r\nHost: x\r\nX-A:",
		"the target's absolute form": "GET http://x:80/api/health?a=b HTTP/1.1\r\nHost: X:80",
		"bytes above ASCII":          "GET /api/health?\xc3\xbc HTTP/1.1\r\nHost: x",
		"empty lines before":         "\r\n\r\nGET /api/health HTTP/1.1\r\nHost: x",
		"a chunked GET":              "GET /api/health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := p.sendRaw(t, head+"\r\n\r\nGET /api/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if n := strings.Count(got, "HTTP/1.1 200 OK"); n != 2 {
				t.Errorf("%d responses with 200, want 2: %.300q", n, got)
			}
		})
	}
}

// The body is asked for only if the request can be served.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	keys, err := access.Parse("line:ingest:0123456789abcdef", 1)
	if err != nil {
		t.Fatal(err)
	}
	p := startServer(t, func(o *api.Options, _ *testServer) { o.Keys = access.NewKeys(keys) })
	const good, expect = "Authorization: Bearer 0123456789abcdef\r\n", "Expect: 100-continue\r\n"
	for name, tt := range map[string]struct {
		line, headers string
		status        int
	}{
		"99 GB":          {"POST /api/v1/telemetry", good + "Content-Length: 99000000000\r\n", 413},
		"99 GB by v2":    {"POST /api/v2/write", good + "Content-Length: 99000000000\r\n", 413},
		"no key":         {"POST /api/v1/telemetry", "Content-Length: 2\r\n", 401},
		"unknown path":   {"POST /nowhere", good + "Content-Length: 2\r\n", 404},
		"wrong method":   {"PATCH /api/v1/telemetry", good + "Content-Length: 2\r\n", 405},
		"forbidden":      {"PUT /api/v1/machines/m", good + "Content-Length: 2\r\n", 403},
		"key and a body": {"POST /api/v1/telemetry", good + "Content-Length: 2\r\n", 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := p.dial(t)
			if _, err := io.WriteString(c, tt.line+" HTTP/1.1\r\nHost: x\r\n"+expect+tt.headers+"\r\n"); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(c)
			line, err := r.ReadString('\n')
			if want := fmt.Sprintf("HTTP/1.1 %d ", tt.status); err != nil || !strings.HasPrefix(line, want) {
				t.Fatalf("the first line = %q, %v, want %q", line, err, want)
			}
			if tt.status != 100 {
				if rest, _ := io.ReadAll(r); !strings.Contains(string(rest), "Connection: close\r\n") || strings.Contains(string(rest), "HTTP/1.1") {
					t.Errorf("the rest = %q, want the end of one response that closes", rest)
				}
				return
			}
			if _, err := io.WriteString(c, "[]"); err != nil {
				t.Fatal(err)
			}
			if rest, err := r.ReadString('{'); err != nil || !strings.Contains(rest, "HTTP/1.1 200 OK") {
				t.Errorf("the final response = %q, %v, want 200", rest, err)
			}
		})
	}
}

// A request that expects 100 Continue counts once for the rate limits.
func TestExpectContinueCountsOnce(t *testing.T) {
	t.Parallel()
	p := startServer(t, func(o *api.Options, _ *testServer) { o.RateLimit, o.RateBurst = 1, 1 })
	api.SetRateInterval(p.api, time.Hour)
	got := p.sendRaw(t, "POST /api/v1/telemetry HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n[]")
	if !strings.HasPrefix(got, "HTTP/1.1 100 ") || !strings.Contains(got, "HTTP/1.1 200 OK") {
		t.Errorf("responses %.300q, want 100 and 200", got)
	}
}

// FuzzRequestHead compares with net/http where an accepted request ends.
func FuzzRequestHead(f *testing.F) {
	for _, tt := range invalidHeads {
		f.Add(tt.head)
	}
	f.Add("POST /write HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked")
	f.Add("POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 5")
	f.Fuzz(func(t *testing.T, head string) {
		var ctx fasthttp.RequestCtx
		h := &ctx.Request.Header
		if h.Read(bufio.NewReaderSize(strings.NewReader(head+"\r\n\r\n"), 64<<10)) != nil || !api.CheckProtocol(&ctx) {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.TrimLeft(head, "\r\n") + "\r\n\r\n")))
		if err != nil {
			return // net/http refuses more targets and methods
		}
		length := int64(h.ContentLength())
		if length == -2 { // no body
			length = 0
		}
		if r.ContentLength != length {
			t.Errorf("%q has a body of %d, for net/http of %d", head, length, r.ContentLength)
		}
	})
}
