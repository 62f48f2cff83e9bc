package api

import (
	"bytes"
	"net/netip"
	"time"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

// authorize applies the limits and the keys; it returns whose key it is.
func (a *API) authorize(ctx *fasthttp.RequestCtx, rt *route, c request, now time.Duration) (who access.Principal, err error) {
	if err := a.checkClientLimits(ctx, a.clientAddr(ctx), now); err != nil {
		return who, err
	}
	if rt.public || a.options.Keys.Unrestricted() {
		return who, nil
	}
	secret := apiKeyOf(ctx)
	if rt.keyInPath {
		secret = []byte(c.params[0])
	}
	who, ok := a.options.Keys.Authenticate(secret)
	if !ok {
		return who, &httpError{status: fasthttp.StatusUnauthorized, detail: "a valid API key is needed: Authorization: Bearer, or X-API-Key"}
	}
	if !rt.anyRole && !who.Role.Allows(rt.action) {
		return who, &httpError{status: fasthttp.StatusForbidden, detail: "key " + who.Name + " has the role " + who.Role.String() + ", which may not " + rt.action.String()}
	}
	if wait := a.keyLimiter.reserve(who.Name, now); wait > 0 {
		a.rateLimited.Inc()
		return who, &httpError{status: fasthttp.StatusTooManyRequests, retryAfter: ceilSeconds(wait), detail: "too many requests with this key"}
	}
	return who, nil
}

// checkClientLimits applies the limits of connections and addresses.
func (a *API) checkClientLimits(ctx *fasthttp.RequestCtx, addr netip.Addr, now time.Duration) error {
	if limit := a.options.Runtime.OverLimit(ctx); limit != "" {
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 5, detail: "too many " + limit}
	}
	if wait := a.addressLimiter.reserve(addr, now); wait > 0 {
		a.rateLimited.Inc()
		return &httpError{status: fasthttp.StatusTooManyRequests, retryAfter: ceilSeconds(wait), detail: "too many requests from this address"}
	}
	return nil
}

// apiKeyOf returns the API key that came with the request, nil for none.
func apiKeyOf(ctx *fasthttp.RequestCtx) []byte {
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

// CheckRate counts a request that came on a connection of its own kind, and says
// why it is one too many; "" for one that may be.
func (a *API) CheckRate(c Client) (refused string) {
	now := time.Since(epoch)
	if a.addressLimiter.reserve(c.Addr, now) > 0 {
		a.rateLimited.Inc()
		return "too many requests from this address"
	}
	if c.Principal.Name != "" && a.keyLimiter.reserve(c.Principal.Name, now) > 0 {
		a.rateLimited.Inc()
		return "too many requests with this key"
	}
	return ""
}

// ceilSeconds rounds a wait up, as Retry-After wants it.
func ceilSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
