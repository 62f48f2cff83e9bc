package api

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

// How often an address may send a wrong key and hear that it is wrong.
const (
	wrongKeysPerSecond = 1
	wrongKeysBurst     = 20
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
	p, err := a.authenticate(ctx, rt, r, now)
	if err != nil {
		return none, err
	}
	if !rt.anyRole && !p.Role.Allows(rt.action) && (rt.orAction == access.Read || !p.Role.Allows(rt.orAction)) {
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
	if wait := a.addressLimiter.reserve(access.ClientNetwork(addr), now); wait > 0 {
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
	case a.addressLimiter.reserve(access.ClientNetwork(c.Addr), now) > 0:
		rejection = addressRateExceeded
	case c.Principal.Name != "" && a.keyLimiter.reserve(c.Principal.Name, now) > 0:
		rejection = keyRateExceeded
	default:
		return ""
	}
	a.rateLimited.Inc()
	return rejection
}

// authenticate returns whose key or session a request has.
func (a *API) authenticate(ctx *fasthttp.RequestCtx, rt *route, r request, now time.Duration) (access.Principal, error) {
	key := apiKeyOf(ctx)
	switch {
	case rt.keyInPath:
		key = []byte(r.params[0])
	case rt.keyInQuery && len(key) == 0:
		key = ctx.QueryArgs().Peek("p")
	}
	if len(key) == 0 {
		if token := ctx.Request.Header.Cookie(sessionCookie); len(token) > 0 {
			return a.authenticateCookie(ctx, string(token))
		}
		return access.Principal{}, errNoKey
	}
	p, ok := a.options.Keys.Authenticate(key)
	if _, password, found := bytes.Cut(key, []byte(":")); !ok && found && !rt.keyInPath {
		p, ok = a.options.Keys.Authenticate(password) // InfluxDB 1.8 takes Token user:password
	}
	if !ok {
		return p, a.wrongKey(a.clientAddr(ctx), now)
	}
	return p, nil
}

var errNoKey = &httpError{status: fasthttp.StatusUnauthorized, detail: "a valid API key is needed: Authorization: Bearer, Token or Basic, or X-API-Key"}

// wrongKey reports a wrong key and returns the error of the response. It slows down
// an address that tries many, but not those behind the same address whose key is
// right.
func (a *API) wrongKey(addr netip.Addr, now time.Duration) error {
	a.reportRefusal(RefusedKey, addr.String())
	if wait := a.wrongKeyLimiter.reserve(access.ClientNetwork(addr), now); wait > 0 {
		return a.tooManyRequests(wait, "too many wrong keys from this address")
	}
	return errNoKey
}

// AuthenticateSocket returns whose key a client sends on an open connection. token
// is the key; if it is empty, that of the handshake's headers is used, or its
// session. The error's text is for the client.
func (a *API) AuthenticateSocket(addr netip.Addr, token string, header func(name string) string) (access.Principal, error) {
	if a.options.Keys.Unrestricted() {
		return access.Principal{}, nil
	}
	if token == "" {
		token = keyOf(header("X-API-Key"), header(fasthttp.HeaderAuthorization), "")
	}
	if token == "" {
		if p, ok := a.options.Keys.AuthenticateSession(cookieValue(header(fasthttp.HeaderCookie)), time.Now()); ok {
			return p, nil
		}
		return access.Principal{}, errNoSocketKey
	}
	p, ok := a.options.Keys.Authenticate([]byte(token))
	if !ok {
		if err := a.wrongKey(addr, time.Since(epoch)); err != errNoKey { //nolint:errorlint // the very value
			return p, err
		}
		return p, errNoSocketKey
	}
	return p, nil
}

var errNoSocketKey = errors.New("a valid API key is needed: auth.token, Authorization: Bearer, or X-API-Key")

// apiKeyOf returns the API key in the request's headers, nil for none.
func apiKeyOf(ctx *fasthttp.RequestCtx) []byte {
	h := &ctx.Request.Header
	return keyOf(h.Peek("X-API-Key"), h.Peek(fasthttp.HeaderAuthorization), h.Peek("Sec-WebSocket-Protocol"))
}

// keyOf returns the key in the values of the headers X-API-Key, Authorization and
// Sec-WebSocket-Protocol. The last is for browsers, whose WebSocket can set no other
// header.
func keyOf[T string | []byte](key, authorization, protocols T) T {
	if len(key) > 0 {
		return key
	}
	scheme, secret, _ := bytes.Cut([]byte(authorization), []byte(" "))
	if bytes.EqualFold(scheme, []byte("Bearer")) || bytes.EqualFold(scheme, []byte("Token")) {
		return T(bytes.TrimSpace(secret))
	}
	if bytes.EqualFold(scheme, []byte("Basic")) {
		return T(basicPassword(bytes.TrimSpace(secret)))
	}
	if len(protocols) == 0 {
		return T("")
	}
	for protocol := range bytes.SplitSeq([]byte(protocols), []byte(",")) {
		if secret, ok := bytes.CutPrefix(bytes.TrimSpace(protocol), []byte(BearerProtocol)); ok {
			return T(secret)
		}
	}
	return T("")
}

// basicPassword returns the password of Basic credentials, nil if they are malformed.
// The user's name does not matter: a key has its own.
func basicPassword(credentials []byte) []byte {
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(credentials)))
	n, err := base64.StdEncoding.Decode(plain, credentials)
	if err != nil {
		return nil
	}
	_, password, _ := bytes.Cut(plain[:n], []byte(":"))
	return password
}

// BearerProtocol begins the WebSocket subprotocol that carries an API key.
const BearerProtocol = "bearer."
