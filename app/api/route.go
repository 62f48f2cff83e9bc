package api

import (
	"bytes"
	"net/url"
	"strings"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/observe/metrics"

	"github.com/valyala/fasthttp"
)

// resource is the routes of one path.
type resource struct {
	pattern  string
	segments []string // of the pattern; {…} is a parameter
	allow    string   // the Allow header
	routes   []*route
}

// route handles one method of a resource.
type route struct {
	method string
	action access.Action
	// anyRole accepts every valid key; the handler checks the role later.
	anyRole bool
	// probe routes need no key and have no limits.
	probe bool
	// public routes need no key, but the limits apply.
	public bool
	// keyInPath routes have the key as their first path parameter.
	keyInPath bool
	handler   handler
	// writeError responds to an error of the handler; nil is writeProblem.
	writeError func(ctx *fasthttp.RequestCtx, err error)
	metrics    *metrics.Route
}

// handler writes the response, or returns an error for the route's writeError.
type handler func(ctx *fasthttp.RequestCtx, r request) error

// request is what routing and authorization found out about a request.
type request struct {
	// params are the path parameters, decoded.
	params [maxParams]string
	// principal owns the API key; it is the zero value if no keys are configured.
	principal access.Principal
}

const maxParams = 2

// registerRoutes registers all routes but the external ones. If several patterns
// match a path, the first one is used.
func (a *API) registerRoutes() {
	get, post, put := fasthttp.MethodGet, fasthttp.MethodPost, fasthttp.MethodPut
	probe := func(handle func(*fasthttp.RequestCtx)) *route {
		return &route{method: get, probe: true, handler: rawHandler(handle)}
	}
	a.addResource("/api/health", probe(a.getLiveness))
	a.addResource("/api/health/live", probe(a.getLiveness))
	a.addResource("/api/health/ready", probe(a.getReadiness))
	a.addResource("/api/health/startup", probe(a.getStartup))
	a.addResource("/api/openapi.json", &route{method: get, public: true, handler: a.getOpenAPI})
	a.addResource("/api/docs", &route{method: get, public: true, handler: a.getDocs})
	a.addResource("/api/v1/telemetry", &route{method: post, action: access.Ingest, handler: a.postTelemetry})
	a.addResource("/api/v2/write", &route{method: post, action: access.Ingest, handler: a.postInfluxWrite, writeError: writeInfluxError})
	a.addResource("/ping", probe(a.getInfluxPing))
	a.addResource("/health", probe(a.getInfluxHealth))
	a.addResource("/api/v1/latest", &route{method: get, action: access.Read, handler: a.getLatest})
	a.addResource("/api/v1/machines", &route{method: get, action: access.Read, handler: a.listMachines})
	a.addResource("/api/v1/machines/{id}",
		&route{method: get, action: access.Read, handler: a.getMachine},
		&route{method: put, action: access.Administer, handler: a.putMachine},
		&route{method: fasthttp.MethodDelete, action: access.Administer, handler: a.deleteMachine})
	a.addResource("/api/v1/machines/{id}/metrics", &route{method: get, action: access.Read, handler: a.listMetrics})
	a.addResource("/api/v1/machines/{id}/metrics/{metric}",
		&route{method: get, action: access.Read, handler: a.getMetric},
		&route{method: put, action: access.Administer, handler: a.putMetric})
	a.addResource("/api/v1/machines/{id}/history", &route{method: get, action: access.Read, handler: a.getHistory})
	// Last, since the patterns above have a fixed segment where these have a token.
	a.addResource("/api/v1/{token}/telemetry", &route{method: post, action: access.Ingest, keyInPath: true, handler: a.postDeviceTelemetry})
	a.addResource("/api/v1/{token}/gateway/telemetry", &route{method: post, action: access.Ingest, keyInPath: true, handler: a.postGatewayTelemetry})
	for name, handler := range a.options.Faults {
		routes := []*route{{method: post, action: access.Administer, handler: rawHandler(handler)}}
		if strings.HasSuffix(name, "-ws") { // an upgrade is a GET (RFC 6455, section 4.1)
			routes = append(routes, &route{method: get, action: access.Administer, handler: rawHandler(handler)})
		}
		a.addResource("/api/faults/"+name, routes...)
	}
}

func (a *API) addResource(pattern string, routes ...*route) {
	res := &resource{pattern: pattern, routes: routes}
	methods := []string{}
	for _, rt := range routes {
		if rt.writeError == nil {
			rt.writeError = writeProblem
		}
		rt.metrics = a.options.Metrics.Route(rt.method, pattern)
		methods = append(methods, rt.method)
		if rt.method == fasthttp.MethodGet {
			methods = append(methods, fasthttp.MethodHead)
		}
	}
	res.allow = strings.Join(append(methods, fasthttp.MethodOptions), ", ")
	if !strings.Contains(pattern, "{") {
		a.staticResources[pattern] = res
		return
	}
	res.segments = strings.Split(pattern[1:], "/")
	a.patternResources = append(a.patternResources, res)
}

// rawHandler adapts a handler that needs nothing but the RequestCtx.
func rawHandler(handle func(*fasthttp.RequestCtx)) handler {
	return func(ctx *fasthttp.RequestCtx, _ request) error {
		handle(ctx)
		return nil
	}
}

// findResource returns the resource of the path and its parameters. It matches the
// path before decoding, so an encoded slash is part of a segment.
func (a *API) findResource(ctx *fasthttp.RequestCtx) (*resource, request, error) {
	path := ctx.URI().PathOriginal()
	if res := a.staticResources[string(path)]; res != nil {
		return res, request{}, nil
	}
	for _, res := range a.patternResources {
		raw, ok := res.match(path)
		if !ok {
			continue
		}
		var r request
		for i, arg := range raw {
			text, err := url.PathUnescape(string(arg))
			if err != nil {
				return nil, r, &httpError{status: fasthttp.StatusBadRequest, detail: "the path has an invalid percent-encoding"}
			}
			r.params[i] = text
		}
		return res, r, nil
	}
	return nil, request{}, &httpError{status: fasthttp.StatusNotFound, detail: "there is no resource at this path"}
}

// match reports whether path matches the pattern and returns the segments of its
// parameters, which are not empty.
func (res *resource) match(path []byte) (args [maxParams][]byte, ok bool) {
	if len(path) == 0 || path[0] != '/' {
		return args, false
	}
	open := 0
	rest, more := path[1:], true
	for _, want := range res.segments {
		if !more {
			return args, false
		}
		var segment []byte
		segment, rest, more = bytes.Cut(rest, []byte{'/'})
		switch {
		case len(segment) == 0:
			return args, false
		case want[0] == '{':
			args[open] = segment
			open++
		case string(segment) != want:
			return args, false
		}
	}
	return args, !more
}

// selectRoute returns the route for the request's method. If there is none, it
// responds and returns nil.
func (res *resource) selectRoute(ctx *fasthttp.RequestCtx) *route {
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
	writeProblem(ctx, &httpError{status: fasthttp.StatusMethodNotAllowed, detail: "allowed methods: " + res.allow})
	return nil
}

// checkProtocol rejects invalid requests that fasthttp accepts, and reports
// whether the request is valid.
func checkProtocol(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	switch string(h.Protocol()) {
	case "HTTP/1.1":
		if len(h.Host()) == 0 { // RFC 9112, section 3.2
			return rejectRequest(ctx, fasthttp.StatusBadRequest, "HTTP/1.1 requires a Host header")
		}
	case "HTTP/1.0":
		if len(h.Peek(fasthttp.HeaderTransferEncoding)) > 0 { // RFC 9112, section 6.1
			return rejectRequest(ctx, fasthttp.StatusBadRequest, "Transfer-Encoding is not allowed in HTTP/1.0")
		}
	default:
		return rejectRequest(ctx, fasthttp.StatusHTTPVersionNotSupported, "this server supports HTTP/1.1 and HTTP/1.0")
	}
	return true
}

func rejectRequest(ctx *fasthttp.RequestCtx, status int, detail string) bool {
	writeProblem(ctx, &httpError{status: status, detail: detail})
	ctx.SetConnectionClose()
	return false
}
