package httpapi

import (
	"bytes"
	"net/url"
	"strings"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/metrics"

	"github.com/valyala/fasthttp"
)

// resource is what one path names, with a route for each of its methods.
type resource struct {
	pattern string
	allow   string
	routes  []*route
}

// route is one method of a resource.
type route struct {
	method string
	action access.Action
	// probe routes are for everybody, under any load.
	probe   bool
	handle  func(ctx *fasthttp.RequestCtx, id string) error
	metrics *metrics.Route
}

// The part of machines' paths before and after the id.
const (
	machinePrefix = "/api/v1/machines/"
	historySuffix = "/history"
)

// route fills the table; it is the one place that knows all paths.
func (a *API) route() {
	get, post := fasthttp.MethodGet, fasthttp.MethodPost
	probe := func(handle func(*fasthttp.RequestCtx)) *route {
		return &route{method: get, probe: true, handle: withoutID(handle)}
	}
	a.add("/api/health", probe(a.live))
	a.add("/api/health/live", probe(a.live))
	a.add("/api/health/ready", probe(a.ready))
	a.add("/api/health/startup", probe(a.startup))
	a.add("/api/v1/telemetry", &route{method: post, action: access.Ingest, handle: a.telemetry})
	a.add("/api/v1/latest", &route{method: get, action: access.Read, handle: a.latest})
	a.machines = a.add(machinePrefix+"{id}"+historySuffix, &route{method: get, action: access.Read, handle: a.history})
	for name, handler := range a.options.Faults {
		routes := []*route{{method: post, action: access.Administer, handle: fault(handler)}}
		if strings.HasSuffix(name, "-ws") { // an upgrade is a GET (RFC 6455, section 4.1)
			routes = append(routes, &route{method: get, action: access.Administer, handle: fault(handler)})
		}
		a.add("/api/faults/"+name, routes...)
	}
}

func (a *API) add(pattern string, routes ...*route) *resource {
	res := &resource{pattern: pattern, routes: routes}
	methods := []string{}
	for _, rt := range routes {
		rt.metrics = a.options.Metrics.Route(rt.method, pattern)
		methods = append(methods, rt.method)
		if rt.method == fasthttp.MethodGet {
			methods = append(methods, fasthttp.MethodHead)
		}
	}
	res.allow = strings.Join(append(methods, fasthttp.MethodOptions), ", ")
	a.static[pattern] = res
	return res
}

func withoutID(handle func(*fasthttp.RequestCtx)) func(*fasthttp.RequestCtx, string) error {
	return func(ctx *fasthttp.RequestCtx, _ string) error {
		handle(ctx)
		return nil
	}
}

func fault(handle fasthttp.RequestHandler) func(*fasthttp.RequestCtx, string) error {
	return withoutID(handle)
}

// find returns the resource that the path names, and the id in it. It looks at
// the path as it was sent: an encoded slash is part of an id.
func (a *API) find(ctx *fasthttp.RequestCtx) (*resource, string, error) {
	path := ctx.URI().PathOriginal()
	if res := a.static[string(path)]; res != nil && res != a.machines {
		return res, "", nil
	}
	rest, isMachine := bytes.CutPrefix(path, []byte(machinePrefix))
	id, isHistory := bytes.CutSuffix(rest, []byte(historySuffix))
	if !isMachine || !isHistory || bytes.IndexByte(id, '/') >= 0 {
		return nil, "", &httpError{status: fasthttp.StatusNotFound, detail: "there is nothing at this path"}
	}
	machine, err := url.PathUnescape(string(id))
	if err != nil || machine == "" {
		return nil, "", &httpError{status: fasthttp.StatusBadRequest, detail: "the machine's id in the path is empty or not percent-encoded right"}
	}
	return a.machines, machine, nil
}

// route picks the route for the request's method. Without one it answers.
func (res *resource) route(ctx *fasthttp.RequestCtx) *route {
	method := ctx.Method()
	if string(method) == fasthttp.MethodHead {
		method = []byte(fasthttp.MethodGet)
	}
	for _, rt := range res.routes {
		if string(method) == rt.method {
			return rt
		}
	}
	ctx.Response.Header.Set(fasthttp.HeaderAllow, res.allow)
	if string(method) == fasthttp.MethodOptions {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
		return nil
	}
	fail(ctx, &httpError{status: fasthttp.StatusMethodNotAllowed, detail: "allowed here: " + res.allow})
	return nil
}

// wellFormed refuses what fasthttp lets through although HTTP does not.
func wellFormed(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	switch string(h.Protocol()) {
	case "HTTP/1.1":
		if len(h.Host()) == 0 { // RFC 9112, section 3.2
			return refuse(ctx, fasthttp.StatusBadRequest, "HTTP/1.1 needs a Host header")
		}
	case "HTTP/1.0":
		if len(h.Peek(fasthttp.HeaderTransferEncoding)) > 0 { // RFC 9112, section 6.1
			return refuse(ctx, fasthttp.StatusBadRequest, "HTTP/1.0 has no Transfer-Encoding")
		}
	default:
		return refuse(ctx, fasthttp.StatusHTTPVersionNotSupported, "this server speaks HTTP/1.1 and HTTP/1.0")
	}
	return true
}

func refuse(ctx *fasthttp.RequestCtx, status int, detail string) bool {
	fail(ctx, &httpError{status: status, detail: detail})
	ctx.SetConnectionClose()
	return false
}
