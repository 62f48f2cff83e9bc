package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// ManualPath is where the manual is served: its index at this path, each page
// and the style sheet one level below.
const ManualPath = "/manual"

// manualPages are the pages of the manual in reading order. Each is the file
// manual/NAME.md; the index comes first.
var manualPages = []string{
	"index", "run", "configure", "http-api", "realtime", "ingest", "history", "migrate", "troubleshoot", "size", "benchmark",
}

//go:embed manual/*.md manual.css
var manualFiles embed.FS

// manualPolicy allows the manual's own style sheet and nothing else.
const manualPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Manual serves the operator's manual. The pages are rendered when the first
// one is requested, so that the manual costs nothing at start. Use NewManual.
type Manual struct {
	resources func() map[string]resource // by path below ManualPath
}

// resource is a response body that never changes while the process runs.
type resource struct {
	contentType string
	etag        string
	body        []byte
}

// NewManual returns a handler of the manual.
func NewManual() *Manual {
	return &Manual{resources: sync.OnceValue(renderManual)}
}

// Serve answers a GET or HEAD request for ManualPath or a path below it. A
// trailing slash makes no difference.
func (m *Manual) Serve(ctx *fasthttp.RequestCtx) {
	if !ctx.IsGet() && !ctx.IsHead() {
		ctx.Error("use GET or HEAD", fasthttp.StatusMethodNotAllowed)
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		return
	}
	resources := m.resources()
	name := strings.Trim(strings.TrimPrefix(string(ctx.Path()), ManualPath), "/")
	r, found := resources[name]
	if !found {
		r = resources[notFoundPage]
		ctx.SetStatusCode(fasthttp.StatusNotFound)
	}
	h := &ctx.Response.Header
	h.SetContentType(r.contentType)
	h.Set(fasthttp.HeaderETag, r.etag)
	h.Set(fasthttp.HeaderCacheControl, "no-cache") // a new release shows at once; the ETag saves the transfer
	h.Set(fasthttp.HeaderContentSecurityPolicy, manualPolicy)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	if found && matchesETag(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), r.etag) {
		ctx.NotModified()
		h.Set(fasthttp.HeaderETag, r.etag) // NotModified resets the header
		return
	}
	ctx.SetBody(r.body)
}

// matchesETag reports whether an If-None-Match header (RFC 9110, section
// 13.1.2) names the tag.
func matchesETag(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}

// renderManual renders everything that is served below ManualPath. It panics
// when an embedded file is missing: the binary would be broken.
func renderManual() map[string]resource {
	documents := make([]document, len(manualPages))
	for i, name := range manualPages {
		documents[i] = parseDocument(name, readManual(path.Join("manual", name+".md")))
	}
	resources := map[string]resource{
		"manual.css": newResource("text/css; charset=utf-8", readManual("manual.css")),
	}
	for _, d := range documents {
		name := d.name
		if name == "index" {
			name = ""
		}
		resources[name] = newResource("text/html; charset=utf-8", renderPage(d, documents))
	}
	missing := parseDocument(notFoundPage, []byte("# Page not found\n\nThe manual has no page at this address. All pages are listed in the navigation.\n"))
	resources[notFoundPage] = newResource("text/html; charset=utf-8", renderPage(missing, documents))
	return resources
}

// notFoundPage is a name that no path has: Serve trims slashes.
const notFoundPage = "/404"

func newResource(contentType string, body []byte) resource {
	sum := sha256.Sum256(body)
	return resource{contentType: contentType, body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func readManual(name string) []byte {
	text, err := manualFiles.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("embedded manual: %v", err))
	}
	return text
}
