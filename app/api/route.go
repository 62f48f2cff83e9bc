package api

import (
	"bytes"
	"net/url"
	"strings"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/observe/metrics"

	"github.com/valyala/fasthttp"
)

// resource is what one path names, with a route for each of its methods.
type resource struct {
	pattern  string
	segments []string // of the pattern; {…} stands for any one segment
	allow    string
	routes   []*route
}

// route is one method of a resource.
type route struct {
	method string
	action access.Action
	// anyRole takes every valid key: what it may do is asked later.
	anyRole bool
	// probe routes are for everybody, under any load.
	probe bool
	// public routes need no key; the limits hold.
	public bool
	// token routes have the key in their path, as its first open segment.
	token  bool
	handle handler
	// fail answers an error; nil is the API's own form.
	fail    func(ctx *fasthttp.RequestCtx, err error)
	metrics *metrics.Route
}

// handler serves what a route names. What it returns is answered by the table
// of errors.
type handler func(ctx *fasthttp.RequestCtx, c call) error

// call is what is known of a request besides the request.
type call struct {
	// args are the segments that the {…} of the pattern stand for, decoded.
	args [maxArgs]string
	// who is the key that it came with; the zero value where there are no keys.
	who access.Principal
}

const maxArgs = 2

// route fills the table; it is the one place that knows all paths. Of the
// patterns that a path fits, the first one counts.
func (a *API) route() {
	get, post, put := fasthttp.MethodGet, fasthttp.MethodPost, fasthttp.MethodPut
	probe := func(handle func(*fasthttp.RequestCtx)) *route {
		return &route{method: get, probe: true, handle: plain(handle)}
	}
	a.add("/api/health", probe(a.live))
	a.add("/api/health/live", probe(a.live))
	a.add("/api/health/ready", probe(a.ready))
	a.add("/api/health/startup", probe(a.startup))
	a.add("/api/openapi.json", &route{method: get, public: true, handle: a.getOpenAPI})
	a.add("/api/docs", &route{method: get, public: true, handle: a.getDocs})
	a.add("/api/v1/telemetry", &route{method: post, action: access.Ingest, handle: a.telemetry})
	a.add("/api/v2/write", &route{method: post, action: access.Ingest, handle: a.influxWrite, fail: failInflux})
	a.add("/ping", probe(a.influxPing))
	a.add("/health", probe(a.influxHealth))
	a.add("/api/v1/latest", &route{method: get, action: access.Read, handle: a.latest})
	a.add("/api/v1/machines", &route{method: get, action: access.Read, handle: a.listMachines})
	a.add("/api/v1/machines/{id}",
		&route{method: get, action: access.Read, handle: a.getMachine},
		&route{method: put, action: access.Administer, handle: a.putMachine},
		&route{method: fasthttp.MethodDelete, action: access.Administer, handle: a.deleteMachine})
	a.add("/api/v1/machines/{id}/metrics", &route{method: get, action: access.Read, handle: a.listMetrics})
	a.add("/api/v1/machines/{id}/metrics/{metric}",
		&route{method: get, action: access.Read, handle: a.getMetric},
		&route{method: put, action: access.Administer, handle: a.putMetric})
	a.add("/api/v1/machines/{id}/history", &route{method: get, action: access.Read, handle: a.history})
	// Behind all others: what stands in the key's place here is a word there.
	a.add("/api/v1/{token}/telemetry", &route{method: post, action: access.Ingest, token: true, handle: a.deviceTelemetry})
	a.add("/api/v1/{token}/gateway/telemetry", &route{method: post, action: access.Ingest, token: true, handle: a.gatewayTelemetry})
	for name, handler := range a.options.Faults {
		routes := []*route{{method: post, action: access.Administer, handle: plain(handler)}}
		if strings.HasSuffix(name, "-ws") { // an upgrade is a GET (RFC 6455, section 4.1)
			routes = append(routes, &route{method: get, action: access.Administer, handle: plain(handler)})
		}
		a.add("/api/faults/"+name, routes...)
	}
}

func (a *API) add(pattern string, routes ...*route) {
	res := &resource{pattern: pattern, routes: routes}
	methods := []string{}
	for _, rt := range routes {
		if rt.fail == nil {
			rt.fail = fail
		}
		rt.metrics = a.options.Metrics.Route(rt.method, pattern)
		methods = append(methods, rt.method)
		if rt.method == fasthttp.MethodGet {
			methods = append(methods, fasthttp.MethodHead)
		}
	}
	res.allow = strings.Join(append(methods, fasthttp.MethodOptions), ", ")
	if !strings.Contains(pattern, "{") {
		a.static[pattern] = res
		return
	}
	res.segments = strings.Split(pattern[1:], "/")
	a.patterns = append(a.patterns, res)
}

// plain is a handler that needs nothing but the request.
func plain(handle func(*fasthttp.RequestCtx)) handler {
	return func(ctx *fasthttp.RequestCtx, _ call) error {
		handle(ctx)
		return nil
	}
}

// find returns the resource that the path names, and what it fills in. It
// looks at the path as it was sent: an encoded slash is part of a segment.
func (a *API) find(ctx *fasthttp.RequestCtx) (*resource, call, error) {
	path := ctx.URI().PathOriginal()
	if res := a.static[string(path)]; res != nil {
		return res, call{}, nil
	}
	for _, res := range a.patterns {
		raw, ok := res.match(path)
		if !ok {
			continue
		}
		var c call
		for i, arg := range raw {
			text, err := url.PathUnescape(string(arg))
			if err != nil {
				return nil, c, &httpError{status: fasthttp.StatusBadRequest, detail: "the path is not percent-encoded right"}
			}
			c.args[i] = text
		}
		return res, c, nil
	}
	return nil, call{}, &httpError{status: fasthttp.StatusNotFound, detail: "there is nothing at this path"}
}

// match returns the segments of path that the pattern leaves open. None of
// them is empty.
func (res *resource) match(path []byte) (args [maxArgs][]byte, ok bool) {
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
