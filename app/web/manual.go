package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"path"
	"strings"

	"github.com/valyala/fasthttp"
)

// ManualPath is where the manual is served: its index at this path, each page
// and the style sheet one level below.
const ManualPath = "/manual"

// built holds the files to serve, compressed with gzip. A file's path is that
// of its URL: built/manual/run.html.gz is served at /manual/run.
//
//go:embed built
var built embed.FS

// manualPolicy allows the manual's own style sheet and the icon, and nothing else.
const manualPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeManual answers a GET or HEAD request for ManualPath or a path below it,
// compressed if the client accepts gzip. A trailing slash makes no difference.
// An unknown path gets a page with status 404 that lists all pages.
func ServeManual(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	if !ctx.IsGet() && !ctx.IsHead() {
		ctx.Error("use GET or HEAD", fasthttp.StatusMethodNotAllowed)
		h.Set(fasthttp.HeaderAllow, "GET, HEAD")
		return
	}
	compressed, contentType, found := readBuilt(string(ctx.Path()))
	if !found {
		compressed, contentType, _ = readBuilt("/404")
		ctx.SetStatusCode(fasthttp.StatusNotFound)
	}
	acceptsGzip := ctx.Request.Header.HasAcceptEncoding("gzip")
	etag := etagOf(compressed, acceptsGzip)
	h.SetContentType(contentType)
	h.Set(fasthttp.HeaderETag, etag)
	h.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	h.Set(fasthttp.HeaderCacheControl, "no-cache") // a new release shows at once; the ETag saves the transfer
	h.Set(fasthttp.HeaderContentSecurityPolicy, manualPolicy)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	switch {
	case found && matchesETag(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), etag):
		ctx.SetStatusCode(fasthttp.StatusNotModified)
	case acceptsGzip:
		h.SetContentEncoding("gzip")
		ctx.SetBody(compressed)
	default:
		if _, err := fasthttp.WriteGunzip(ctx, compressed); err != nil {
			panic(fmt.Sprintf("embedded file for %s: %v", ctx.Path(), err))
		}
	}
}

// readBuilt returns the file that is served at a path, still compressed, and
// its content type. A path without an extension is that of a page.
func readBuilt(urlPath string) (compressed []byte, contentType string, found bool) {
	name, contentType := strings.Trim(urlPath, "/"), "text/css; charset=utf-8"
	if path.Ext(name) != ".css" {
		name, contentType = name+".html", "text/html; charset=utf-8"
	}
	compressed, err := built.ReadFile("built/" + name + ".gz")
	return compressed, contentType, err == nil
}

// etagOf returns the entity tag of a file. The two encodings of a file have
// different tags (RFC 9110, section 8.8.3.3).
func etagOf(compressed []byte, asGzip bool) string {
	sum := sha256.Sum256(compressed)
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	if asGzip {
		tag += "-gzip"
	}
	return `"` + tag + `"`
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
