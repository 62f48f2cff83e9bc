package api

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/valyala/fasthttp"
)

// clientAddr is the address that a request comes from: the peer's, or, where
// the peer is a trusted proxy, the nearest forwarded one that is not.
func (a *API) clientAddr(ctx *fasthttp.RequestCtx) netip.Addr {
	addr := a.options.Runtime.Peer(ctx)
	if len(a.options.TrustedProxies) == 0 || !a.trusted(addr) {
		return addr
	}
	chain := ctx.Request.Header.PeekAll(fasthttp.HeaderXForwardedFor)
	for _, rest := range slices.Backward(chain) {
		for len(rest) > 0 {
			last := rest
			rest = nil
			if comma := bytes.LastIndexByte(last, ','); comma >= 0 {
				last, rest = last[comma+1:], last[:comma]
			}
			hop, err := netip.ParseAddr(string(bytes.TrimSpace(last)))
			if err != nil {
				return addr // whatever comes before is not to be believed either
			}
			addr = hop.Unmap()
			if !a.trusted(addr) {
				return addr
			}
		}
	}
	return addr
}

func (a *API) trusted(addr netip.Addr) bool {
	for _, p := range a.options.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// secretOf returns the API key that came with the request, nil for none.
func secretOf(ctx *fasthttp.RequestCtx) []byte {
	h := &ctx.Request.Header
	if key := h.Peek("X-API-Key"); len(key) > 0 {
		return key
	}
	scheme, secret, _ := bytes.Cut(h.Peek(fasthttp.HeaderAuthorization), []byte(" "))
	if bytes.EqualFold(scheme, []byte("Bearer")) || bytes.EqualFold(scheme, []byte("Token")) {
		return bytes.TrimSpace(secret)
	}
	return nil
}

// origins is who may call from a web page (the Fetch standard's CORS protocol).
type origins struct {
	any  bool
	list map[string]bool
}

func newOrigins(list []string) *origins {
	o := &origins{list: map[string]bool{}}
	for _, origin := range list {
		if origin == "*" {
			o.any = true
		}
		o.list[origin] = true
	}
	return o
}

// crossOrigin adds what a browser wants to see, and answers its preflight. It
// reports whether the request goes on. A page whose origin is not allowed gets
// its answer without leave to read it.
func (a *API) crossOrigin(ctx *fasthttp.RequestCtx, res *resource) bool {
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
