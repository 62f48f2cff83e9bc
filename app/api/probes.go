package api

import "github.com/valyala/fasthttp"

func (a *API) live(ctx *fasthttp.RequestCtx)    { answerProbe(ctx, a.options.Health.Live) }
func (a *API) ready(ctx *fasthttp.RequestCtx)   { answerProbe(ctx, a.options.Health.Ready) }
func (a *API) startup(ctx *fasthttp.RequestCtx) { answerProbe(ctx, a.options.Health.Startup) }

// Probes are asked often; these spare them a conversion each.
var (
	jsonType  = []byte("application/json")
	requestID = []byte(headerRequestID)
)

func answerProbe(ctx *fasthttp.RequestCtx, probe func() ([]byte, bool)) {
	body, ok := probe()
	if !ok {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
	}
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.Response.SetBodyRaw(body) // it is shared, and nobody changes it
}
