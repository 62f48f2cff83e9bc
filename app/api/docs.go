package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the description
	"encoding/base64"

	"github.com/valyala/fasthttp"
)

// openAPI describes all routes. A test generates it from them.
//
//go:embed openapi.json
var openAPI []byte

// docsPage shows openAPI in a browser. It loads nothing from other hosts.
//
//go:embed docs.html
var docsPage []byte

// favicon is the icon of all pages.
//
//go:embed favicon.svg
var favicon []byte

// docsPolicy allows the page its own script and style and requests to this server only.
var docsPolicy = "default-src 'none'; style-src 'sha256-" + sumOf(docsPage, "style") + "'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'sha256-" + sumOf(docsPage, "script") + "'"

// sumOf returns the hash of what a page has in its only element of a name, for a
// Content-Security-Policy.
func sumOf(page []byte, element string) string {
	_, content, _ := bytes.Cut(page, []byte("<"+element+">"))
	content, _, _ = bytes.Cut(content, []byte("</"+element+">"))
	sum := sha256.Sum256(content)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// getFavicon is GET /favicon.ico, the path at which browsers ask without a link.
func getFavicon(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	h.SetContentType("image/svg+xml")
	h.Set(fasthttp.HeaderCacheControl, "max-age=86400")
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	ctx.Response.SetBodyRaw(favicon)
}

// getOpenAPI is GET /api/openapi.json.
func (a *API) getOpenAPI(ctx *fasthttp.RequestCtx, _ request) error {
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.Response.SetBodyRaw(openAPI)
	return nil
}

// getDocs is GET /api/docs.
func (a *API) getDocs(ctx *fasthttp.RequestCtx, _ request) error {
	h := &ctx.Response.Header
	h.SetContentType("text/html; charset=utf-8")
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	ctx.Response.SetBodyRaw(docsPage)
	return nil
}
