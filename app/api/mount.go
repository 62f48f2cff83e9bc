package api

import (
	"bytes"
	"net/netip"
	"net/url"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/observe/metrics"

	"github.com/valyala/fasthttp"
)

// Mount is a path that is served by another package.
type Mount struct {
	// Method and Path are those of the requests. A Path that ends in a slash
	// stands for all below it, whatever the method.
	Method, Path string
	// Action is what the key must allow; AnyRole takes every valid key. Below a
	// Path that ends in a slash, the key and the origin are left to Handle.
	Action  access.Action
	AnyRole bool
	// Handle answers. An error is answered by the table of errors; one with a
	// method HTTPStatus names its own status, and when to try again in seconds.
	Handle func(ctx *fasthttp.RequestCtx, c Caller) error
}

// Caller is who a request comes from.
type Caller struct {
	// Addr is the client's, behind trusted proxies the forwarded one.
	Addr netip.Addr
	// Who is the key; the zero value where it was not asked for.
	Who access.Principal
}

// openMount is a Mount that takes all requests below its path.
type openMount struct {
	prefix  []byte
	handle  func(ctx *fasthttp.RequestCtx, c Caller) error
	metrics *metrics.Route
}

// mount adds the mounts to the routes.
func (a *API) mount() {
	for _, m := range a.options.Mounts {
		if last := len(m.Path) - 1; m.Path[last] == '/' {
			a.open = append(a.open, openMount{
				prefix: []byte(m.Path), handle: m.Handle, metrics: a.options.Metrics.Route("any", m.Path),
			})
			continue
		}
		a.add(m.Path, &route{
			method: m.Method, action: m.Action, anyRole: m.AnyRole,
			handle: func(ctx *fasthttp.RequestCtx, c call) error {
				return m.Handle(ctx, Caller{Addr: a.clientAddr(ctx), Who: c.who})
			},
		})
	}
}

// serveOpen answers a request below an open mount; nil says that it is below
// none.
func (a *API) serveOpen(ctx *fasthttp.RequestCtx, now time.Duration) *metrics.Route {
	path := ctx.URI().PathOriginal()
	for i := range a.open {
		m := &a.open[i]
		if !bytes.HasPrefix(path, m.prefix) {
			continue
		}
		addr := a.clientAddr(ctx)
		err := a.admitClient(ctx, addr, now)
		if err == nil {
			err = m.handle(ctx, Caller{Addr: addr})
		}
		if err != nil {
			fail(ctx, err)
		}
		return m.metrics
	}
	return nil
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

// Limit counts a request that came on a connection of its own kind, and says
// why it is one too many; "" for one that may be.
func (a *API) Limit(c Caller) (refused string) {
	now := time.Since(epoch)
	if a.clients.take(c.Addr, now) > 0 {
		a.limited.Inc()
		return "too many requests from this address"
	}
	if c.Who.Name != "" && a.keys.take(c.Who.Name, now) > 0 {
		a.limited.Inc()
		return "too many requests with this key"
	}
	return ""
}

// Refuse answers a request that somebody else has found at fault.
func (a *API) Refuse(ctx *fasthttp.RequestCtx, status int, detail string) {
	fail(ctx, &httpError{status: status, detail: detail})
}
