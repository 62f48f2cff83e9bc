package api

import (
	"bytes"
	"net/netip"
	"slices"

	"github.com/valyala/fasthttp"
)

// clientAddr returns the address of the client: the peer's, or, if the peer is a
// trusted proxy, the last address in X-Forwarded-For that is not one.
func (a *API) clientAddr(ctx *fasthttp.RequestCtx) netip.Addr {
	addr := a.options.Runtime.Peer(ctx)
	if len(a.options.TrustedProxies) == 0 || !a.isTrustedProxy(addr) {
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
				return addr // the addresses before a malformed one cannot be trusted
			}
			addr = hop.Unmap()
			if !a.isTrustedProxy(addr) {
				return addr
			}
		}
	}
	return addr
}

func (a *API) isTrustedProxy(addr netip.Addr) bool {
	for _, p := range a.options.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
