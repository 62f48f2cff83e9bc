package web

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// AssetsPath is where the live page's script and style sheet are served, at
// AssetsPath/RELEASE/NAME. The release is the hash of both.
const AssetsPath = "/assets"

// pagePolicy allows what this server serves, and no inline script or style.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServePage answers a GET or HEAD request with the live page.
func ServePage(ctx *fasthttp.RequestCtx) {
	if !readOnly(ctx) {
		return
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderCacheControl, "no-cache")
	h.Set(fasthttp.HeaderContentSecurityPolicy, pagePolicy)
	h.Set(fasthttp.HeaderReferrerPolicy, "same-origin")
	respond(ctx, "page/index.html")
}

// ServeAsset answers a GET or HEAD request for a path below AssetsPath. During a
// rollout a page may ask the replica of another release: it gets this one's file,
// which no cache keeps.
func ServeAsset(ctx *fasthttp.RequestCtx) {
	if !readOnly(ctx) {
		return
	}
	release, name, _ := strings.Cut(strings.TrimPrefix(string(ctx.Path()), AssetsPath+"/"), "/")
	name = "page/" + name
	h := &ctx.Response.Header
	if files[name] == nil || strings.HasSuffix(name, ".html") {
		ctx.Error("there is no such file", fasthttp.StatusNotFound)
		h.Set(fasthttp.HeaderCacheControl, "no-store")
		return
	}
	if release == pageRelease {
		h.Set(fasthttp.HeaderCacheControl, "public, max-age=31536000, immutable")
	} else {
		h.Set(fasthttp.HeaderCacheControl, "no-store")
	}
	respond(ctx, name)
}

// pageRelease is the release that the page names in the paths of its files.
var pageRelease = releaseOf(files["page/index.html"])

// releaseOf returns what stands between AssetsPath and the name of a file in a page.
func releaseOf(page *builtFile) string {
	if page == nil {
		return "" // make web has not built it yet
	}
	html, err := fasthttp.AppendGunzipBytes(nil, page.gzip)
	if err != nil {
		panic("embedded page: " + err.Error())
	}
	_, rest, found := strings.Cut(string(html), `"`+AssetsPath+"/")
	release, _, ends := strings.Cut(rest, "/")
	if !found || !ends {
		panic("embedded page: it names no file below " + AssetsPath)
	}
	return release
}
