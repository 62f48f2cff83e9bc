package engineio

import "github.com/valyala/fasthttp"

// preflightAge is how many seconds a browser may keep the answer to a
// preflight. Browsers cap it at two hours or less.
const preflightMaxAge = "7200"

// cors sets the headers that let a page of another origin read the answer, and
// reports whether the request's origin is allowed. Without the header it is no
// page of another origin.
func (s *Server) cors(ctx *fasthttp.RequestCtx) bool {
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

// preflight answers a browser that asks what it may send.
func preflight(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderAccessControlAllowMethods, "GET, POST")
	if asked := ctx.Request.Header.Peek(fasthttp.HeaderAccessControlRequestHeaders); len(asked) > 0 {
		h.SetBytesV(fasthttp.HeaderAccessControlAllowHeaders, asked)
		h.Add(fasthttp.HeaderVary, fasthttp.HeaderAccessControlRequestHeaders)
	}
	h.Set(fasthttp.HeaderAccessControlMaxAge, preflightMaxAge)
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}
