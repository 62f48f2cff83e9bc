package api

import (
	"bytes"

	"smart-factory-backend/app/access"

	"github.com/valyala/fasthttp"
)

// checkProtocol rejects invalid requests that fasthttp accepts, and reports whether
// the request is valid. What two programs could understand differently must not
// pass: a proxy would frame the next request differently.
func checkProtocol(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	switch string(h.Protocol()) {
	case "HTTP/1.1", "HTTP/1.0":
	default:
		return rejectRequest(ctx, fasthttp.StatusHTTPVersionNotSupported, "this server supports HTTP/1.1 and HTTP/1.0")
	}
	if detail := checkTarget(h); detail != "" {
		return rejectRequest(ctx, fasthttp.StatusBadRequest, detail)
	}
	f, detail := scanFields(h.RawHeaders())
	switch {
	case detail != "":
	case f.hosts != 1 && h.IsHTTP11(): // RFC 9112, section 3.2
		detail = "HTTP/1.1 requires one Host header"
	case f.hosts > 0 && !isHost(f.host):
		detail = "the Host header is not a host with an optional port"
	case f.codings > 0 && !h.IsHTTP11(): // RFC 9112, section 6.1
		detail = "Transfer-Encoding is not allowed in HTTP/1.0"
	case f.codings > 1 || f.codings == 1 && !bytes.EqualFold(f.coding, []byte("chunked")):
		detail = "Transfer-Encoding must be chunked"
	case f.codings > 0 && f.lengths > 0: // RFC 9112, section 6.3
		detail = "a request has either Content-Length or Transfer-Encoding"
	case f.expects && !h.IsHTTP11(): // RFC 9110, section 10.1.1: HTTP/1.0 clients know no 100
	case f.expects && !bytes.EqualFold(f.expect, []byte("100-continue")):
		return rejectRequest(ctx, fasthttp.StatusExpectationFailed, "the only expectation is 100-continue")
	}
	if detail != "" {
		return rejectRequest(ctx, fasthttp.StatusBadRequest, detail)
	}
	return true
}

// checkTarget checks what fasthttp does not of a request target (RFC 9112, section
// 3.2), and returns what is wrong. Bytes above ASCII are accepted, since some clients
// don't encode them.
func checkTarget(h *fasthttp.RequestHeader) (detail string) {
	target := h.RequestURI()
	if bytes.IndexByte(target, '#') >= 0 {
		return "the request target has a fragment"
	}
	if target[0] == '/' || string(target) == "*" || h.IsConnect() {
		return ""
	}
	scheme, rest, _ := bytes.Cut(target, []byte("://"))
	if !bytes.EqualFold(scheme, []byte("http")) && !bytes.EqualFold(scheme, []byte("https")) {
		return "the request target has another scheme than http and https"
	}
	authority := rest
	if end := bytes.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	if !isHost(authority) || len(h.Host()) > 0 && !bytes.EqualFold(authority, h.Host()) {
		return "the request target has another host than the Host header"
	}
	return ""
}

func rejectRequest(ctx *fasthttp.RequestCtx, status int, detail string) bool {
	writeProblem(ctx, &httpError{status: status, detail: detail})
	ctx.SetConnectionClose()
	return false
}

// fields are the fields of a header that say where the request ends and to whom it
// is addressed.
type fields struct {
	host, coding, expect    []byte
	hosts, codings, lengths int
	expects                 bool
}

// scanFields reads a header block (RFC 9112, section 5) as it was received. detail
// says what is malformed, "" for nothing.
func scanFields(block []byte) (f fields, detail string) {
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		if end < 1 || block[end-1] != '\r' {
			return f, "a header line does not end with CRLF"
		}
		var line []byte
		line, block = block[:end-1], block[end+1:]
		if len(line) == 0 {
			return f, "" // the end of the block
		}
		colon := 0
		for colon < len(line) && isToken[line[colon]] {
			colon++
		}
		if colon == 0 || colon == len(line) || line[colon] != ':' {
			return f, "a header line does not begin with a name and a colon"
		}
		f.read(line[:colon], line[colon+1:])
	}
	return f, ""
}

// read records a field if it matters.
func (f *fields) read(name, value []byte) {
	switch len(name) {
	case len("Host"):
		if bytes.EqualFold(name, []byte("Host")) {
			f.hosts++
			f.host = bytes.Trim(value, " \t")
		}
	case len("Expect"):
		if bytes.EqualFold(name, []byte("Expect")) {
			f.expects = true
			f.expect = bytes.Trim(value, " \t")
		}
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			f.lengths++
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			f.codings++
			f.coding = bytes.Trim(value, " \t")
		}
	}
}

// isToken holds the characters of a token (RFC 9110, section 5.6.2).
var isToken = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c < 0x80 && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0
	}
	return table
}()

// isHost reports whether a Host header is well formed. Names, the frequent case, need
// no conversion.
func isHost(text []byte) bool {
	for i, c := range text {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-':
		default:
			return i > 0 && c == ':' && isPort(text[i+1:]) || isOtherHost(string(text))
		}
	}
	return len(text) > 0
}

func isPort(text []byte) bool {
	port := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
		port = port*10 + int(c-'0')
		if port > 65535 {
			return false
		}
	}
	return len(text) > 0
}

func isOtherHost(text string) bool {
	_, _, ok := access.SplitHost(text)
	return ok
}

// authorizedKey is the user value with whose key ExpectHandler has authorized a
// request.
type authorizedKey struct{}

// ExpectHandler decides about a request that waits for 100 Continue before it sends
// its body (RFC 9110, section 10.1.1). It is for the ExpectHandler of a
// fasthttp.Server. It returns 100, or the status of the response that it has
// written: what is wrong with the request besides its body is reported at once.
func (a *API) ExpectHandler(ctx *fasthttp.RequestCtx) int {
	a.requestIDs.setOnResponse(ctx)
	if !checkProtocol(ctx) {
		return ctx.Response.StatusCode()
	}
	path := ctx.URI().PathOriginal()
	for i := range a.prefixRoutes {
		if !bytes.HasPrefix(path, a.prefixRoutes[i].prefix) {
			continue
		}
		if ctx.Request.Header.ContentLength() <= a.options.MaxBody {
			return fasthttp.StatusContinue
		}
		writeProblem(ctx, a.bodyTooLarge())
		return ctx.Response.StatusCode()
	}
	res, r, err := a.findResource(ctx)
	if err != nil {
		writeProblem(ctx, err)
		return ctx.Response.StatusCode()
	}
	rt := res.selectRoute(ctx)
	if rt == nil {
		return ctx.Response.StatusCode()
	}
	if !rt.probe {
		err = a.checkSender(ctx)
		if err == nil {
			r.principal, err = a.authorize(ctx, rt, r, sinceEpoch())
			ctx.SetUserValue(authorizedKey{}, r.principal)
		}
	}
	if err == nil && ctx.Request.Header.ContentLength() > a.options.MaxBody {
		err = a.bodyTooLarge()
	}
	if err != nil {
		rt.writeError(ctx, err)
		return ctx.Response.StatusCode()
	}
	return fasthttp.StatusContinue
}
