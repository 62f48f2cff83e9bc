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
				return addr // whatever comes before is not to be believed either
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
