package main

import (
	_ "embed"

	"github.com/valyala/fasthttp"
)

//go:embed page.html
var pageHTML string

// servePage answers with an HTML page that connects to the server.
func servePage(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.SetBodyString(pageHTML)
}
