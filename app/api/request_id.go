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

// requestIDSource makes ids that are unique across processes: a random prefix and
// a counter.
type requestIDSource struct {
	prefix string
	last   *atomic.Uint64
}

func newRequestIDSource() requestIDSource {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return requestIDSource{prefix: hex.EncodeToString(b[:]) + "-", last: new(atomic.Uint64)}
}

// setOnResponse sets the response's request id: the client's, if it is valid, or
// else a new one.
func (r requestIDSource) setOnResponse(ctx *fasthttp.RequestCtx) {
	if id := ctx.Request.Header.PeekBytes(requestIDHeader); len(id) > 0 && validRequestID(id) {
		ctx.Response.Header.SetCanonical(requestIDHeader, id)
		return
	}
	var buf [40]byte
	id := strconv.AppendUint(append(buf[:0], r.prefix...), r.last.Add(1), 36)
	ctx.Response.Header.SetCanonical(requestIDHeader, id)
}

// validRequestID reports whether id is short enough and consists of letters,
// digits and marks without a meaning in logs and shells.
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
