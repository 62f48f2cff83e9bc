package web

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// ManualPath is where the manual is served: its index at this path, each page
// and the style sheet one level below.
const ManualPath = "/manual"

// manualPolicy allows the manual's own style sheet and the icon, and nothing else.
const manualPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeManual answers a GET or HEAD request for ManualPath or a path below it,
// compressed as the client accepts it. A trailing slash makes no difference.
// An unknown path gets a page with status 404 that lists all pages.
func ServeManual(ctx *fasthttp.RequestCtx) {
	if !readOnly(ctx) {
		return
	}
	name := strings.Trim(string(ctx.Path()), "/")
	if !strings.HasSuffix(name, ".css") {
		name += ".html"
	}
	if files[name] == nil || !strings.HasPrefix(name, "manual") {
		name = "404.html"
		ctx.SetStatusCode(fasthttp.StatusNotFound)
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderCacheControl, "no-cache") // a new release shows at once; the ETag saves the transfer
	h.Set(fasthttp.HeaderContentSecurityPolicy, manualPolicy)
	respond(ctx, name)
}
