package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the description
	"encoding/base64"

	"github.com/valyala/fasthttp"
)

// openAPI describes all routes, by hand: a test holds it against them.
//
//go:embed openapi.json
var openAPI []byte

// docsPage shows openAPI in a browser, without anything from elsewhere.
//
//go:embed docs.html
var docsPage []byte

// docsPolicy lets the page run its own script and ask this server, no more.
var docsPolicy = "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'sha256-" + scriptSum(docsPage) + "'"

// scriptSum is the hash of a page's only script, as a policy names it.
func scriptSum(page []byte) string {
	_, script, _ := bytes.Cut(page, []byte("<script>"))
	script, _, _ = bytes.Cut(script, []byte("</script>"))
	sum := sha256.Sum256(script)
	return base64.StdEncoding.EncodeToString(sum[:])
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
