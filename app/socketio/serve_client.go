package socketio

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/valyala/fasthttp"
)

// ClientVersion is the version of the JavaScript client that Handler serves.
const ClientVersion = "4.8.4"

// clientDist holds the dist files of the npm package socket.io-client, each
// compressed with gzip -9n. A test compares them with the package.
//
//go:embed client_dist/*.gz
var clientDist embed.FS

// clientFile is a file of the JavaScript client. Responses share its bytes, so
// a client that reads slowly holds no memory of its own.
type clientFile struct {
	contentType string
	compressed  []byte
	plain       func() []byte // unpacked at the first request without gzip
}

// clientFiles returns the files by name.
var clientFiles = sync.OnceValue(func() map[string]*clientFile {
	entries, err := clientDist.ReadDir("client_dist")
	if err != nil {
		panic(fmt.Sprintf("embedded client: %v", err))
	}
	files := map[string]*clientFile{}
	for _, e := range entries {
		compressed, err := clientDist.ReadFile("client_dist/" + e.Name())
		if err != nil {
			panic(fmt.Sprintf("embedded client: %v", err))
		}
		name := strings.TrimSuffix(e.Name(), ".gz")
		file := &clientFile{contentType: "application/javascript; charset=utf-8", compressed: compressed}
		if strings.HasSuffix(name, ".map") {
			file.contentType = "application/json; charset=utf-8"
		}
		file.plain = sync.OnceValue(func() []byte { return unpack(name, compressed) })
		files[name] = file
	}
	return files
})

func unpack(name string, compressed []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		panic(fmt.Sprintf("embedded client, %s: %v", name, err))
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		panic(fmt.Sprintf("embedded client, %s: %v", name, err))
	}
	return plain
}

// requestedClientFile returns the file that a request asks for by the last
// element of its path; nil for any other request.
func (s *Server) requestedClientFile(ctx *fasthttp.RequestCtx) *clientFile {
	path := ctx.Path()
	name := path[bytes.LastIndexByte(path, '/')+1:]
	if len(name) == 0 || s.options.NoServeClient || !ctx.IsGet() && !ctx.IsHead() {
		return nil
	}
	return clientFiles()[string(name)]
}

// serve answers with the headers of the Node.js server. The version is the
// entity tag of every file.
func (f *clientFile) serve(ctx *fasthttp.RequestCtx) {
	const etag = `"` + ClientVersion + `"`
	h := &ctx.Response.Header
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	h.Set(fasthttp.HeaderCacheControl, "public, max-age=0")
	h.Set(fasthttp.HeaderETag, etag)
	for candidate := range strings.SplitSeq(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			ctx.SetStatusCode(fasthttp.StatusNotModified)
			return
		}
	}
	h.SetContentType(f.contentType)
	if ctx.Request.Header.HasAcceptEncoding("gzip") {
		h.SetContentEncoding("gzip")
		ctx.Response.SetBodyRaw(f.compressed)
		return
	}
	ctx.Response.SetBodyRaw(f.plain())
}
