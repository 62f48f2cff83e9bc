package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/valyala/fasthttp"
)

// built holds the files to serve, each twice: NAME.br and NAME.gz.
//
//go:embed built
var built embed.FS

// builtFile is a file to serve.
type builtFile struct {
	brotli, gzip []byte
	// hash is that of the content, whatever the encoding.
	hash string
}

// files are the files of built/ by their names without the encoding.
var files = readFiles("built")

func readFiles(directory string) map[string]*builtFile {
	entries, err := built.ReadDir(directory)
	if err != nil {
		panic(fmt.Sprintf("embedded directory %s: %v", directory, err))
	}
	all := map[string]*builtFile{}
	for _, entry := range entries {
		name := path.Join(directory, entry.Name())
		if entry.IsDir() {
			maps.Copy(all, readFiles(name))
			continue
		}
		content, err := built.ReadFile(name)
		if err != nil {
			panic(fmt.Sprintf("embedded file %s: %v", name, err))
		}
		encoding := path.Ext(name)
		key := strings.TrimSuffix(strings.TrimPrefix(name, "built/"), encoding)
		file := all[key]
		if file == nil {
			file = new(builtFile)
			all[key] = file
		}
		if encoding == ".br" {
			file.brotli = content
			sum := sha256.Sum256(content)
			file.hash = base64.RawURLEncoding.EncodeToString(sum[:12])
		} else {
			file.gzip = content
		}
	}
	return all
}

// contentTypes are those of the files' extensions.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
}

// respond writes the file called name, or 304 if the client has it already. The
// caller sets the other headers.
func respond(ctx *fasthttp.RequestCtx, name string) {
	file := files[name]
	encoding, body := chooseEncoding(ctx, file)
	// The encodings of a file have different tags (RFC 9110, section 8.8.3.3).
	etag := `"` + file.hash + `"`
	if encoding != "" {
		etag = `"` + file.hash + "-" + encoding + `"`
	}
	h := &ctx.Response.Header
	h.SetContentType(contentTypes[path.Ext(name)])
	h.Set(fasthttp.HeaderETag, etag)
	h.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	switch {
	case ctx.Response.StatusCode() == fasthttp.StatusOK && matchesETag(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), etag):
		ctx.SetStatusCode(fasthttp.StatusNotModified)
	case encoding != "":
		h.SetContentEncoding(encoding)
		ctx.Response.SetBodyRaw(body)
	default:
		if _, err := fasthttp.WriteGunzip(ctx, body); err != nil {
			panic(fmt.Sprintf("embedded file %s: %v", name, err))
		}
	}
}

// chooseEncoding returns the best encoding that the client accepts. Without one, the
// body is to be unpacked by gzip.
func chooseEncoding(ctx *fasthttp.RequestCtx, file *builtFile) (encoding string, body []byte) {
	h := &ctx.Request.Header
	switch {
	case h.HasAcceptEncoding("br"):
		return "br", file.brotli
	case h.HasAcceptEncoding("gzip"):
		return "gzip", file.gzip
	}
	return "", file.gzip
}

// matchesETag reports whether an If-None-Match header (RFC 9110, section
// 13.1.2) names the tag.
func matchesETag(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}

// readOnly reports whether a request is a GET or HEAD; another one is answered.
func readOnly(ctx *fasthttp.RequestCtx) bool {
	if ctx.IsGet() || ctx.IsHead() {
		return true
	}
	ctx.Error("use GET or HEAD", fasthttp.StatusMethodNotAllowed)
	ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
	return false
}
