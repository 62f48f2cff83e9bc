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
	// orAction is another action that suffices; Read, its zero value, is none.
	orAction access.Action
	// anyRole accepts every valid key; the handler checks the role later.
	anyRole bool
	// probe routes need no key and have no limits.
	probe bool
	// public routes need no key, but the limits apply.
	public bool
	// keyInPath routes have the key as their first path parameter.
	keyInPath bool
	// keyInQuery routes take the key from the parameter p, if no header has it.
	keyInQuery bool
	// query are the parameters of the URL; any other is an error. Routes without it
	// parse the URL themselves.
	query   []Parameter
	handler handler
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
	// query are the parameters in route.query.
	query queryParams
	// principal owns the API key; it is the zero value if no keys are configured.
	principal access.Principal
}

const maxParams = 2

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

// none is the query of routes without parameters.
var none = []Parameter{}

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
	if res := a.staticResources[string(singleSlashes(path))]; res != nil {
		return res, request{}, nil
	}
	path = trimSlashes(path) // an empty segment between others is no parameter
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

// singleSlashes returns a path without repeated and trailing slashes.
func singleSlashes(path []byte) []byte {
	single := make([]byte, 0, len(path))
	for i, c := range path {
		if c != '/' || i == 0 || path[i-1] != '/' {
			single = append(single, c)
		}
	}
	return trimSlashes(single)
}

// trimSlashes returns a path with one slash at its start and none at its end.
func trimSlashes(path []byte) []byte {
	for len(path) > 1 && path[0] == '/' && path[1] == '/' {
		path = path[1:]
	}
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path
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
