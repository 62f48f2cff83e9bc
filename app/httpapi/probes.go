package httpapi

import "github.com/valyala/fasthttp"

func (a *API) live(ctx *fasthttp.RequestCtx)    { answerProbe(ctx, a.options.Health.Live) }
func (a *API) ready(ctx *fasthttp.RequestCtx)   { answerProbe(ctx, a.options.Health.Ready) }
func (a *API) startup(ctx *fasthttp.RequestCtx) { answerProbe(ctx, a.options.Health.Startup) }

func answerProbe(ctx *fasthttp.RequestCtx, probe func() ([]byte, bool)) {
	body, ok := probe()
	if !ok {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
	}
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.SetCanonical([]byte(fasthttp.HeaderCacheControl), []byte("no-store"))
	ctx.SetBody(body)
}
