package api

import (
	"bytes"
	"net/url"

	"github.com/valyala/fasthttp"
)

// allowedOrigins is the origins whose web pages may call (CORS in the Fetch
// standard).
type allowedOrigins struct {
	any  bool
	list map[string]bool
}

func newAllowedOrigins(list []string) *allowedOrigins {
	o := &allowedOrigins{list: map[string]bool{}}
	for _, origin := range list {
		if origin == "*" {
			o.any = true
		}
		o.list[origin] = true
	}
	return o
}

// applyCORS sets the CORS headers for an allowed origin and responds to preflight
// requests. It reports whether the request is to be served. A request from
// another origin is served without the headers, so the browser keeps the response
// from the page.
func (a *API) applyCORS(ctx *fasthttp.RequestCtx, res *resource) bool {
	origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	if len(origin) == 0 {
		return true
	}
	h := &ctx.Response.Header
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	if o := a.origins.Load(); !o.any && !o.list[string(origin)] {
		return true
	}
	h.SetBytesV(fasthttp.HeaderAccessControlAllowOrigin, origin)
	h.Set(fasthttp.HeaderAccessControlExposeHeaders, headerRequestID+", Retry-After, ETag, Location")
	wanted := ctx.Request.Header.Peek(fasthttp.HeaderAccessControlRequestMethod)
	if string(ctx.Method()) != fasthttp.MethodOptions || len(wanted) == 0 {
		return true
	}
	h.Set(fasthttp.HeaderAccessControlAllowMethods, res.allow)
	h.Set(fasthttp.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Content-Encoding, X-API-Key, X-Request-Id, If-Match, If-None-Match")
	h.Set(fasthttp.HeaderAccessControlMaxAge, "600")
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return false
}

// OriginAllowed reports whether the page that sent a request may open a persistent
// connection: it has an allowed origin or comes from this server. A request
// without an Origin header does not come from a page.
func (a *API) OriginAllowed(ctx *fasthttp.RequestCtx) bool {
	origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	if o := a.origins.Load(); len(origin) == 0 || o.any || o.list[string(origin)] {
		return true
	}
	u, err := url.Parse(string(origin))
	return err == nil && u.Host != "" && bytes.EqualFold([]byte(u.Host), ctx.Request.Header.Host())
}

// SetAllowedOrigins replaces the origins whose web pages may call; "*" is any. It
// may be called while requests are served.
func (a *API) SetAllowedOrigins(list []string) { a.origins.Store(newAllowedOrigins(list)) }
