package main

import (
	_ "embed"
	"os"
	"path/filepath"
	"strings"

	"github.com/valyala/fasthttp"
)

//go:embed page.html
var pageHTML string

// page serves a browser: an HTML page, and the JavaScript client if its
// directory is configured.
type page struct {
	scripts string // a directory; "" for none
}

func newPage(dir string) *page { return &page{scripts: dir} }

func (p *page) index(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.SetBodyString(pageHTML)
}

// script serves a file of the JavaScript client, socket.io.*. It reports false
// if there is no such file.
func (p *page) script(ctx *fasthttp.RequestCtx, path string) bool {
	name, found := strings.CutPrefix(path, "/socket.io/")
	if !found || p.scripts == "" || !strings.HasPrefix(name, "socket.io.") || strings.ContainsAny(name, `/\`) {
		return false
	}
	content, err := os.ReadFile(filepath.Join(p.scripts, name))
	if err != nil {
		return false
	}
	if strings.HasSuffix(name, ".js") {
		ctx.SetContentType("application/javascript; charset=utf-8")
	} else {
		ctx.SetContentType("application/json")
	}
	ctx.SetBody(content)
	return true
}
