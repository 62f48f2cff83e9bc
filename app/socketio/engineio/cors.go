package engineio

import "github.com/valyala/fasthttp"

// preflightMaxAge is how many seconds a browser may cache a preflight response.
// Browsers cap it at two hours or less.
const preflightMaxAge = "7200"

// CORS sets the response headers for cross-origin requests, and reports whether
// the request's origin is allowed. A request without Origin always is. Handler
// calls it.
func (s *Server) CORS(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Response.Header
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	if len(origin) == 0 {
		return true
	}
	if !s.options.AllowOrigin(origin) {
		return false
	}
	h.SetBytesV(fasthttp.HeaderAccessControlAllowOrigin, origin)
	h.Set(fasthttp.HeaderAccessControlAllowCredentials, "true")
	return true
}

// preflight responds to a CORS preflight request.
func preflight(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderAccessControlAllowMethods, "GET, POST")
	if requested := ctx.Request.Header.Peek(fasthttp.HeaderAccessControlRequestHeaders); len(requested) > 0 {
		h.SetBytesV(fasthttp.HeaderAccessControlAllowHeaders, requested)
		h.Add(fasthttp.HeaderVary, fasthttp.HeaderAccessControlRequestHeaders)
	}
	h.Set(fasthttp.HeaderAccessControlMaxAge, preflightMaxAge)
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}
