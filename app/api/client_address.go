package api

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// clientAddr returns the address of the client: the peer's, or, if the peer is a
// trusted proxy, the last address in X-Forwarded-For that is not one. Without that
// header, Forwarded (RFC 7239) is used.
func (a *API) clientAddr(ctx *fasthttp.RequestCtx) netip.Addr {
	addr := a.options.Runtime.Peer(ctx)
	if len(a.options.TrustedProxies) == 0 || !a.isTrustedProxy(addr) {
		return addr
	}
	h, parse := &ctx.Request.Header, parseHop
	chain := h.PeekAll(fasthttp.HeaderXForwardedFor)
	if len(chain) == 0 {
		chain, parse = h.PeekAll("Forwarded"), parseForwardedElement
	}
	for _, rest := range slices.Backward(chain) {
		for len(rest) > 0 {
			last := rest
			rest = nil
			if comma := bytes.LastIndexByte(last, ','); comma >= 0 {
				last, rest = last[comma+1:], last[:comma]
			}
			if last = bytes.TrimSpace(last); len(last) == 0 {
				continue // an empty element counts for nothing (RFC 9110, section 5.6.1)
			}
			hop, ok := parse(string(last))
			if !ok {
				return addr // the addresses before a malformed one cannot be trusted
			}
			addr = hop
			if !a.isTrustedProxy(addr) {
				return addr
			}
		}
	}
	return addr
}

// parseForwardedElement parses the address in the "for" parameter of an element of
// Forwarded.
func parseForwardedElement(element string) (netip.Addr, bool) {
	return parseHop(forwardedParameter(element, "for"))
}

// forwardedParameter returns a parameter of an element of Forwarded (RFC 7239), ""
// if it has none.
func forwardedParameter(element, name string) string {
	for pair := range strings.SplitSeq(element, ";") {
		if key, value, _ := strings.Cut(strings.TrimSpace(pair), "="); strings.EqualFold(key, name) {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// parseHop parses an address as proxies write it: ip, ip:port, [v6] or [v6]:port.
func parseHop(text string) (netip.Addr, bool) {
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap(), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(text)
	return addr.Unmap(), err == nil
}

func (a *API) isTrustedProxy(addr netip.Addr) bool {
	for _, p := range a.options.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
