package api

import (
	"bytes"
	"net/netip"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/observe/metrics"

	"github.com/valyala/fasthttp"
)

// ExternalRoute is a path that is served by another package.
type ExternalRoute struct {
	// Method and Path are those of the requests. A Path that ends in a slash
	// stands for all below it, whatever the method.
	Method, Path string
	// Action is what the key must allow; AnyRole takes every valid key. Below a
	// Path that ends in a slash, the key and the origin are left to Handle.
	Action  access.Action
	AnyRole bool
	// Public needs no key; the limits on clients hold.
	Public bool
	// Handler answers. An error is answered by the table of errors; one with a
	// method HTTPStatus names its own status, and when to try again in seconds.
	Handler func(ctx *fasthttp.RequestCtx, c Client) error
}

// Client is who a request comes from.
type Client struct {
	// Addr is the client's, behind trusted proxies the forwarded one.
	Addr netip.Addr
	// Principal is the key; the zero value where it was not asked for.
	Principal access.Principal
}

// prefixRoute is a Mount that takes all requests below its path.
type prefixRoute struct {
	prefix  []byte
	handler  func(ctx *fasthttp.RequestCtx, c Client) error
	metrics *metrics.Route
}

// registerExternalRoutes adds the mounts to the routes.
func (a *API) registerExternalRoutes() {
	for _, m := range a.options.ExternalRoutes {
		if last := len(m.Path) - 1; m.Path[last] == '/' {
			a.prefixRoutes = append(a.prefixRoutes, prefixRoute{
				prefix: []byte(m.Path), handler: m.Handler, metrics: a.options.Metrics.Route("any", m.Path),
			})
			continue
		}
		a.addResource(m.Path, &route{
			method: m.Method, action: m.Action, anyRole: m.AnyRole, public: m.Public,
			handler: func(ctx *fasthttp.RequestCtx, c request) error {
				return m.Handler(ctx, Client{Addr: a.clientAddr(ctx), Principal: c.principal})
			},
		})
	}
}

// servePrefix answers a request below an open mount; nil says that it is below
// none.
func (a *API) servePrefix(ctx *fasthttp.RequestCtx, now time.Duration) *metrics.Route {
	path := ctx.URI().PathOriginal()
	for i := range a.prefixRoutes {
		m := &a.prefixRoutes[i]
		if !bytes.HasPrefix(path, m.prefix) {
			continue
		}
		addr := a.clientAddr(ctx)
		err := a.checkClientLimits(ctx, addr, now)
		if err == nil {
			err = m.handler(ctx, Client{Addr: addr})
		}
		if err != nil {
			writeProblem(ctx, err)
		}
		return m.metrics
	}
	return nil
}

// WriteError answers a request that somebody else has found at fault.
func (a *API) WriteError(ctx *fasthttp.RequestCtx, status int, detail string) {
	writeProblem(ctx, &httpError{status: status, detail: detail})
}
