package api

import (
	"strings"
	"time"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

// sessionCookie is the name of the cookie that holds a session token. A page sends
// it where it can set no header, such as with EventSource.
const sessionCookie = "smartfactory_session"

// authenticateCookie returns whose session a request has. Browsers add the cookie by
// themselves, so a request that changes something must also come from a page that
// may do so.
func (a *API) authenticateCookie(ctx *fasthttp.RequestCtx, token string) (access.Principal, error) {
	p, ok := a.options.Keys.AuthenticateSession(token, time.Now())
	switch {
	case !ok:
		return p, &httpError{status: fasthttp.StatusUnauthorized, detail: "the session has ended; start one with POST /api/v1/session"}
	case changesState(ctx) && (len(ctx.Request.Header.Peek(fasthttp.HeaderOrigin)) == 0 || !a.OriginAllowed(ctx)):
		return access.Principal{}, a.RefuseOrigin(ctx)
	}
	return p, nil
}

// cookieValue returns the session token in a Cookie header.
func cookieValue(header string) string {
	for pair := range strings.SplitSeq(header, ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(pair), "="); name == sessionCookie {
			return value
		}
	}
	return ""
}

// sessionJSON is the response of POST /api/v1/session.
type sessionJSON struct {
	Name      string `json:"name"`
	Role      string `json:"role"`
	ExpiresAt int64  `json:"expires_at"`
}

// currentSessionJSON is the response of GET /api/v1/session.
type currentSessionJSON struct {
	// Open is true if no keys are configured, so that everyone may do everything.
	Open bool   `json:"open"`
	Name string `json:"name,omitempty"`
	Role string `json:"role,omitempty"`
}

// getSession is GET /api/v1/session. It tells a page who its user is.
func (a *API) getSession(ctx *fasthttp.RequestCtx, r request) error {
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	if a.options.Keys.Unrestricted() {
		return writeEntry(ctx, fasthttp.StatusOK, currentSessionJSON{Open: true})
	}
	return writeEntry(ctx, fasthttp.StatusOK, currentSessionJSON{Name: r.principal.Name, Role: r.principal.Role.String()})
}

// postSession is POST /api/v1/session. It exchanges a key for a cookie.
func (a *API) postSession(ctx *fasthttp.RequestCtx, _ request) error {
	if !a.fromOwnPage(ctx) {
		return a.RefuseOrigin(ctx)
	}
	if a.options.Keys.Unrestricted() {
		return &httpError{status: fasthttp.StatusConflict, detail: "no API keys are configured, so no session is needed"}
	}
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	var key string
	if err := readJSONObject(body.data, map[string]memberReader{"key": stringMember(&key)}); err != nil {
		return err
	}
	now := time.Now()
	p, ok := a.options.Keys.Authenticate([]byte(key))
	if !ok {
		return a.wrongKey(a.clientAddr(ctx), time.Since(epoch))
	}
	token, ok := a.options.Keys.NewSession(p, now)
	if !ok {
		return errNoKey // the keys have just changed
	}
	a.setSessionCookie(ctx, token, access.SessionLifetime)
	return writeEntry(ctx, fasthttp.StatusOK, sessionJSON{Name: p.Name, Role: p.Role.String(), ExpiresAt: now.Add(access.SessionLifetime).UnixMilli()})
}

// deleteSession is DELETE /api/v1/session.
func (a *API) deleteSession(ctx *fasthttp.RequestCtx, _ request) error {
	if !a.fromOwnPage(ctx) {
		return a.RefuseOrigin(ctx)
	}
	a.options.Keys.EndSession(string(ctx.Request.Header.Cookie(sessionCookie)), time.Now())
	a.setSessionCookie(ctx, "", -1)
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

func (a *API) setSessionCookie(ctx *fasthttp.RequestCtx, token string, lifetime time.Duration) {
	var c fasthttp.Cookie
	c.SetKey(sessionCookie)
	c.SetValue(token)
	c.SetPath("/")
	c.SetHTTPOnly(true)
	c.SetSecure(a.isSecure(ctx))
	c.SetSameSite(fasthttp.CookieSameSiteStrictMode)
	if lifetime < 0 {
		c.SetExpire(fasthttp.CookieExpireDelete)
	} else {
		c.SetMaxAge(int(lifetime / time.Second))
	}
	ctx.Response.Header.SetCookie(&c)
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
}

// isSecure reports whether the client uses TLS, with this server or with a trusted
// proxy.
func (a *API) isSecure(ctx *fasthttp.RequestCtx) bool {
	if ctx.IsTLS() {
		return true
	}
	if len(a.options.TrustedProxies) == 0 || !a.isTrustedProxy(a.options.Runtime.Peer(ctx)) {
		return false
	}
	h := &ctx.Request.Header
	return strings.EqualFold(lastElement(h.PeekAll("X-Forwarded-Proto")), "https") ||
		strings.EqualFold(forwardedParameter(lastElement(h.PeekAll("Forwarded")), "proto"), "https")
}
