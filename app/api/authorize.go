package api

import (
	"bytes"
	"net/netip"
	"time"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

const (
	addressRateExceeded = "too many requests from this address"
	keyRateExceeded     = "too many requests with this key"
)

// authorize applies the client's limits, then checks that the request's API key
// allows the route. It returns whose key it is, the zero value if none is needed.
func (a *API) authorize(ctx *fasthttp.RequestCtx, rt *route, r request, now time.Duration) (access.Principal, error) {
	var none access.Principal
	if err := a.checkClientLimits(ctx, a.clientAddr(ctx), now); err != nil {
		return none, err
	}
	if rt.public || a.options.Keys.Unrestricted() {
		return none, nil
	}
	key := apiKeyOf(ctx)
	if rt.keyInPath {
		key = []byte(r.params[0])
	}
	p, ok := a.options.Keys.Authenticate(key)
	if !ok {
		return none, &httpError{status: fasthttp.StatusUnauthorized, detail: "a valid API key is needed: Authorization: Bearer, or X-API-Key"}
	}
	if !rt.anyRole && !p.Role.Allows(rt.action) {
		return none, &httpError{status: fasthttp.StatusForbidden, detail: "key " + p.Name + " has the role " + p.Role.String() + ", which may not " + rt.action.String()}
	}
	if wait := a.keyLimiter.reserve(p.Name, now); wait > 0 {
		return none, a.tooManyRequests(wait, keyRateExceeded)
	}
	return p, nil
}

// checkClientLimits applies the connection limits and the rate limit of an
// address.
func (a *API) checkClientLimits(ctx *fasthttp.RequestCtx, addr netip.Addr, now time.Duration) error {
	if limit := a.options.Runtime.OverLimit(ctx); limit != "" {
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 5, detail: "too many " + limit}
	}
	if wait := a.addressLimiter.reserve(addr, now); wait > 0 {
		return a.tooManyRequests(wait, addressRateExceeded)
	}
	return nil
}

// tooManyRequests counts a request over its rate limit and returns its error.
func (a *API) tooManyRequests(wait time.Duration, detail string) error {
	a.rateLimited.Inc()
	retryAfter := int((wait + time.Second - 1) / time.Second) // rounded up
	return &httpError{status: fasthttp.StatusTooManyRequests, retryAfter: retryAfter, detail: detail}
}

// CheckRate applies the rate limits to a message that arrived on an open
// connection of the client. It returns why the message is rejected, "" if it is
// not.
func (a *API) CheckRate(c Client) (rejection string) {
	now := time.Since(epoch)
	switch {
	case a.addressLimiter.reserve(c.Addr, now) > 0:
		rejection = addressRateExceeded
	case c.Principal.Name != "" && a.keyLimiter.reserve(c.Principal.Name, now) > 0:
		rejection = keyRateExceeded
	default:
		return ""
	}
	a.rateLimited.Inc()
	return rejection
}

// apiKeyOf returns the API key in the request's headers, nil for none.
func apiKeyOf(ctx *fasthttp.RequestCtx) []byte {
	h := &ctx.Request.Header
	if key := h.Peek("X-API-Key"); len(key) > 0 {
		return key
	}
	scheme, key, _ := bytes.Cut(h.Peek(fasthttp.HeaderAuthorization), []byte(" "))
	if bytes.EqualFold(scheme, []byte("Bearer")) || bytes.EqualFold(scheme, []byte("Token")) {
		return bytes.TrimSpace(key)
	}
	return nil
}
