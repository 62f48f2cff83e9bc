package server

import (
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/web"

	"github.com/valyala/fasthttp"
)

// ExternalRoutes returns all routes that the server adds to the API, without the
// sessions that they need: only their descriptions are usable.
func ExternalRoutes() []api.ExternalRoute { return append(new(sessions).routes(), manualRoutes()...) }

// manualRoutes returns the routes of the operator's manual, which needs no key. The
// second route serves its pages, and the index with a trailing slash.
func manualRoutes() []api.ExternalRoute {
	handle := func(ctx *fasthttp.RequestCtx, _ api.Client) error {
		web.ServeManual(ctx)
		return nil
	}
	return []api.ExternalRoute{
		{Method: fasthttp.MethodGet, Path: web.ManualPath, Public: true, Handler: handle},
		{Path: web.ManualPath + "/", Handler: handle},
	}
}
