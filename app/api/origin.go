package api

import (
	"bytes"
	"net"
	"strconv"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

// The kinds of refusal that Options.OnRefusal receives.
const (
	RefusedOrigin = "origin"
	RefusedHost   = "host"
	RefusedKey    = "key"
	RefusedHeader = "header"
)

// Refusals returns every kind of refusal.
func Refusals() []string { return []string{RefusedOrigin, RefusedHost, RefusedKey, RefusedHeader} }

// reportRefusal passes a refusal to Options.OnRefusal. value is the origin, the
// host, or the address of the client.
func (a *API) reportRefusal(kind, value string) {
	if a.options.OnRefusal != nil {
		a.options.OnRefusal(kind, value)
	}
}

// SetAllowedOrigins replaces the origins whose web pages may call, besides the
// server's own. It may be called while requests are served.
func (a *API) SetAllowedOrigins(set access.Origins) { a.origins.Store(&set) }

// OriginAllowed reports whether the page that sent a request may use the server: it
// comes from this server or has an allowed origin. A request without an Origin
// header does not come from a page that a browser isolates.
func (a *API) OriginAllowed(ctx *fasthttp.RequestCtx) bool {
	header := ctx.Request.Header.Peek(fasthttp.HeaderOrigin)
	if len(header) == 0 {
		return true
	}
	set := a.origins.Load()
	if set.Any() || string(ctx.Request.Header.Peek("Sec-Fetch-Site")) == "same-origin" { // which no page can set
		return true
	}
	origin, ok := access.ParseOrigin(string(header))
	return ok && (set.Contain(origin) || a.isOwnOrigin(ctx, origin))
}

// RefuseOrigin reports a page that OriginAllowed does not allow and returns the
// error of the response.
func (a *API) RefuseOrigin(ctx *fasthttp.RequestCtx) error {
	origin := string(ctx.Request.Header.Peek(fasthttp.HeaderOrigin))
	if origin == "" {
		a.reportRefusal(RefusedOrigin, "none")
		return &httpError{status: fasthttp.StatusForbidden, detail: "this needs an Origin header: that of this server or one of ALLOWED_ORIGINS"}
	}
	a.reportRefusal(RefusedOrigin, origin)
	return &httpError{status: fasthttp.StatusForbidden, detail: "pages of the origin " + strconv.Quote(clipText(origin)) +
		" may not do this; ALLOWED_ORIGINS lists those that may"}
}

// isOwnOrigin reports whether a page comes from the host that the client has
// addressed: Host, or what a trusted proxy has put into X-Forwarded-Host or
// Forwarded. The scheme is not compared, since a proxy may terminate TLS.
func (a *API) isOwnOrigin(ctx *fasthttp.RequestCtx, origin access.Origin) bool {
	for _, forwarded := range a.forwardedHosts(ctx) {
		if host, port, ok := access.SplitHost(forwarded); ok && host == origin.Host && (port == "" || samePort(origin, port)) {
			return true
		}
	}
	host, port, ok := access.SplitHost(string(ctx.Request.Header.Host()))
	if !ok || host != origin.Host {
		return false
	}
	// A proxy on another port may pass the host without its port. A client that
	// connects directly leaves out only the default port.
	return samePort(origin, port) || port == "" && !listensOnDefaultPort(ctx)
}

func samePort(origin access.Origin, port string) bool {
	return origin == access.Origin{Scheme: origin.Scheme, Host: origin.Host, Port: port}.Normalized()
}

func listensOnDefaultPort(ctx *fasthttp.RequestCtx) bool {
	addr, ok := ctx.LocalAddr().(*net.TCPAddr)
	return ok && (addr.Port == 80 || addr.Port == 443)
}

// forwardedHosts returns the hosts in the last X-Forwarded-Host header and the last
// element of Forwarded (RFC 7239), which the nearest proxy has added; none if that
// proxy is not trusted.
func (a *API) forwardedHosts(ctx *fasthttp.RequestCtx) (hosts []string) {
	if len(a.options.TrustedProxies) == 0 || !a.isTrustedProxy(a.options.Runtime.Peer(ctx)) {
		return nil
	}
	h := &ctx.Request.Header
	if last := lastElement(h.PeekAll("X-Forwarded-Host")); last != "" {
		hosts = append(hosts, last)
	}
	if host := forwardedParameter(lastElement(h.PeekAll("Forwarded")), "host"); host != "" {
		hosts = append(hosts, host)
	}
	return hosts
}

// lastElement returns the last element of a header that is a comma-separated list.
func lastElement(values [][]byte) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return string(bytes.TrimSpace(last[bytes.LastIndexByte(last, ',')+1:]))
}

// checkSender protects a server without keys from the pages in its users'
// browsers: it must be addressed by a name of its own, and pages from elsewhere may
// not change anything. With keys, a page cannot send what it does not know.
func (a *API) checkSender(ctx *fasthttp.RequestCtx) error {
	if !a.options.Keys.Unrestricted() {
		return nil
	}
	for _, host := range append(a.forwardedHosts(ctx), string(ctx.Request.Header.Host())) {
		if host != "" && !a.options.AllowedHosts.Contain(host) {
			a.reportRefusal(RefusedHost, host)
			return &httpError{status: fasthttp.StatusMisdirectedRequest, detail: "the host " + strconv.Quote(clipText(host)) +
				" is not one of this server; without API_KEYS, ALLOWED_HOSTS lists the names that are"}
		}
	}
	if changesState(ctx) && !a.fromOwnPage(ctx) {
		return a.RefuseOrigin(ctx)
	}
	return nil
}

// changesState reports whether a request may change something: its method is not
// safe (RFC 9110, section 9.2.1), or it opens a connection for messages.
func changesState(ctx *fasthttp.RequestCtx) bool {
	return !ctx.IsGet() && !ctx.IsHead() && !ctx.IsOptions() || len(ctx.Request.Header.Peek(fasthttp.HeaderUpgrade)) > 0
}

// fromOwnPage reports whether a request comes from an allowed page, or from no page.
func (a *API) fromOwnPage(ctx *fasthttp.RequestCtx) bool {
	if len(ctx.Request.Header.Peek(fasthttp.HeaderOrigin)) > 0 {
		return a.OriginAllowed(ctx)
	}
	switch string(ctx.Request.Header.Peek("Sec-Fetch-Site")) {
	case "", "none", "same-origin":
		return true
	}
	return a.origins.Load().Any()
}

// clipText shortens text from a client for an error message.
func clipText(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
