package api

import "github.com/valyala/fasthttp"

func (a *API) getLiveness(ctx *fasthttp.RequestCtx)  { writeProbe(ctx, a.options.Health.Live) }
func (a *API) getReadiness(ctx *fasthttp.RequestCtx) { writeProbe(ctx, a.options.Health.Ready) }
func (a *API) getStartup(ctx *fasthttp.RequestCtx)   { writeProbe(ctx, a.options.Health.Startup) }

// As bytes, since probes are frequent and a string would be converted each time.
var (
	jsonType        = []byte("application/json")
	requestIDHeader = []byte(headerRequestID)
)

func writeProbe(ctx *fasthttp.RequestCtx, probe func() ([]byte, bool)) {
	body, ok := probe()
	if !ok {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
	}
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.Response.SetBodyRaw(body) // shared by all responses, never modified
}
