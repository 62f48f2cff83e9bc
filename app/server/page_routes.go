package server

import (
	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/web"

	"github.com/valyala/fasthttp"
)

// ExternalRoutes returns all routes that the server adds to the API, without the
// sessions that they need: only their descriptions are usable.
func ExternalRoutes() []api.ExternalRoute {
	return append(new(sessions).routes(), new(App).pageRoutes()...)
}

// pageRoutes returns the routes of what people open in a browser, which need no key,
// and of what the live page shows about the process. Load balancers probe the page.
// The manual's second route serves its pages, and the index with a trailing slash.
func (a *App) pageRoutes() []api.ExternalRoute {
	serve := func(handle fasthttp.RequestHandler) func(*fasthttp.RequestCtx, api.Client) error {
		return func(ctx *fasthttp.RequestCtx, _ api.Client) error {
			handle(ctx)
			return nil
		}
	}
	return []api.ExternalRoute{
		{Method: fasthttp.MethodGet, Path: "/", Probe: true, Handler: serve(web.ServePage)},
		{Path: web.AssetsPath + "/", Handler: serve(web.ServeAsset)},
		{Method: fasthttp.MethodGet, Path: web.ManualPath, Public: true, Handler: serve(web.ServeManual)},
		{Path: web.ManualPath + "/", Handler: serve(web.ServeManual)},
		{Method: fasthttp.MethodGet, Path: "/api/v1/system", Action: access.Read, Handler: a.getSystem},
	}
}
