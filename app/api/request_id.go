package api

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

const (
	headerRequestID = "X-Request-Id"
	maxRequestID    = 128
)

// requestIDs makes ids that are unique across processes: a random part and a
// count.
type requestIDSource struct {
	prefix string
	last   *atomic.Uint64
}

func newRequestIDSource() requestIDSource {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return requestIDSource{prefix: hex.EncodeToString(b[:]) + "-", last: new(atomic.Uint64)}
}

// set gives the response its id: the client's own, if that is a sane token.
func (r requestIDSource) setOnResponse(ctx *fasthttp.RequestCtx) {
	if id := ctx.Request.Header.PeekBytes(requestIDHeader); len(id) > 0 && validRequestID(id) {
		ctx.Response.Header.SetCanonical(requestIDHeader, id)
		return
	}
	var buf [40]byte
	id := strconv.AppendUint(append(buf[:0], r.prefix...), r.last.Add(1), 36)
	ctx.Response.Header.SetCanonical(requestIDHeader, id)
}

// validRequestID reports whether id is a token (RFC 9110, section 5.6.2, less the marks
// that mean something in logs and shells) of bearable length.
func validRequestID(id []byte) bool {
	if len(id) > maxRequestID {
		return false
	}
	for _, c := range id {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=':
		default:
			return false
		}
	}
	return true
}
