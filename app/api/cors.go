package api

import (
	"github.com/valyala/fasthttp"
)

// applyCORS sets the CORS headers for an allowed origin and responds to preflight
// requests (Fetch standard). It reports whether the request is to be served. A
// request from another origin is served without the headers, so the browser keeps
// the response from the page.
func (a *API) applyCORS(ctx *fasthttp.RequestCtx, res *resource) bool {
	origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	if len(origin) == 0 {
		return true
	}
	h := &ctx.Response.Header
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	if !a.OriginAllowed(ctx) {
		if len(ctx.Request.Header.Peek(fasthttp.HeaderAccessControlRequestMethod)) > 0 {
			a.reportRefusal(RefusedOrigin, string(origin))
		}
		return true
	}
	h.SetBytesV(fasthttp.HeaderAccessControlAllowOrigin, origin)
	h.Set(fasthttp.HeaderAccessControlExposeHeaders, headerRequestID+", Retry-After, ETag, Location")
	wanted := ctx.Request.Header.Peek(fasthttp.HeaderAccessControlRequestMethod)
	if string(ctx.Method()) != fasthttp.MethodOptions || len(wanted) == 0 {
		return true
	}
	h.Set(fasthttp.HeaderAccessControlAllowMethods, res.allow)
	h.Set(fasthttp.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Content-Encoding, X-API-Key, X-Request-Id, If-Match, If-None-Match, Last-Event-ID, Cache-Control")
	h.Set(fasthttp.HeaderAccessControlMaxAge, "600")
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return false
}
