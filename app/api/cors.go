package api

import (
	"bytes"
	"net/url"

	"github.com/valyala/fasthttp"
)

// allowedOrigins is who may call from a web page (the Fetch standard's CORS protocol).
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

// applyCORS adds what a browser wants to see, and answers its preflight. It
// reports whether the request goes on. A page whose origin is not allowed gets
// its answer without leave to read it.
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

// OriginAllowed reports whether the page that made a request may have a
// connection that goes on: one of this server, or of an allowed origin. A
// request without an origin comes from no page.
func (a *API) OriginAllowed(ctx *fasthttp.RequestCtx) bool {
	origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	if o := a.origins.Load(); len(origin) == 0 || o.any || o.list[string(origin)] {
		return true
	}
	u, err := url.Parse(string(origin))
	return err == nil && u.Host != "" && bytes.EqualFold([]byte(u.Host), ctx.Request.Header.Host())
}

// SetAllowedOrigins replaces the origins of web pages that may call.
func (a *API) SetAllowedOrigins(list []string) { a.origins.Store(newAllowedOrigins(list)) }
