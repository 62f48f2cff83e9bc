package api

import (
	"bytes"
	"net/netip"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/observe/metrics"

	"github.com/valyala/fasthttp"
)

// ExternalRoute is a route whose handler belongs to another package.
type ExternalRoute struct {
	// Method and Path select the requests. A Path that ends in a slash, other than
	// the root, selects every request below it, whatever the method.
	Method, Path string
	// Action is what the API key must allow; AnyRole accepts every valid key. For
	// a Path that ends in a slash, Handler checks the key and the origin itself.
	Action  access.Action
	AnyRole bool
	// Public routes need no key, but the client's limits apply. Probe routes need
	// no key and have no limits.
	Public, Probe bool
	// Handler responds or returns an error, which becomes an error response. An
	// error with a method HTTPStatus() (status, retryAfter int) chooses its
	// status, and the Retry-After header in seconds.
	Handler func(ctx *fasthttp.RequestCtx, c Client) error
}

// below reports whether the route is for all paths below Path.
func (e *ExternalRoute) below() bool { return len(e.Path) > 1 && e.Path[len(e.Path)-1] == '/' }

// Client is the sender of a request.
type Client struct {
	// Addr is the address of the client; behind trusted proxies, the forwarded
	// one.
	Addr netip.Addr
	// Principal owns the API key; it is the zero value if no key was checked.
	Principal access.Principal
}

// prefixRoute is an ExternalRoute for every request below a path.
type prefixRoute struct {
	prefix  []byte
	handler func(ctx *fasthttp.RequestCtx, c Client) error
	metrics *metrics.Route
}

func (a *API) registerExternalRoutes() {
	for _, e := range a.options.ExternalRoutes {
		if e.below() {
			a.prefixRoutes = append(a.prefixRoutes, prefixRoute{
				prefix: []byte(e.Path), handler: e.Handler, metrics: a.options.Metrics.Route("any", e.Path),
			})
			continue
		}
		a.addResource(e.Path, &route{
			method: e.Method, action: e.Action, anyRole: e.AnyRole, public: e.Public, probe: e.Probe,
			handler: func(ctx *fasthttp.RequestCtx, r request) error {
				return e.Handler(ctx, Client{Addr: a.clientAddr(ctx), Principal: r.principal})
			},
		})
	}
}

// servePrefix serves a request below the path of a prefixRoute and returns its
// metrics; nil means that there is no such route.
func (a *API) servePrefix(ctx *fasthttp.RequestCtx, now time.Duration) *metrics.Route {
	path := ctx.URI().PathOriginal()
	for i := range a.prefixRoutes {
		p := &a.prefixRoutes[i]
		if !bytes.HasPrefix(path, p.prefix) {
			continue
		}
		addr := a.clientAddr(ctx)
		err := a.checkSender(ctx)
		if err == nil {
			err = a.checkClientLimits(ctx, addr, now)
		}
		if err == nil {
			err = p.handler(ctx, Client{Addr: addr})
		}
		if err != nil {
			writeProblem(ctx, err)
		}
		return p.metrics
	}
	return nil
}
