package engineio

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/valyala/fasthttp"
)

const (
	initialBufferSize = 4 << 10
	// keptBuffer is the largest buffer that is kept for the next request, whose
	// share of the bound it takes however small that is.
	maxPooledSize = 16 << 10
)

// body is a payload in memory, as far as it has arrived.
type requestBody struct{ b []byte }

var bodies = sync.Pool{New: func() any { return &requestBody{b: make([]byte, 0, initialBufferSize)} }}

// readBody reads the request's body, which the caller gives to release even
// if it was refused. What it takes grows with what arrives, not with what was
// announced, and stays within the limits of one payload and of all.
func (s *Server) readBody(ctx *fasthttp.RequestCtx) (*requestBody, *refusal) {
	b := bodies.Get().(*requestBody)
	b.b = b.b[:0]
	if s.bodyBytes.Add(int64(cap(b.b))) > int64(s.options.BodyLimit) {
		ctx.SetConnectionClose() // the rest of the body is not worth reading
		return b, tooManyPayloads
	}
	if ctx.Request.Header.ContentLength() > s.options.MaxPayload {
		ctx.SetConnectionClose()
		return b, payloadTooLarge
	}
	stream := ctx.RequestBodyStream()
	if stream == nil {
		stream = bytes.NewReader(ctx.Request.Body())
	}
	no := s.fillBody(b, stream)
	if no == nil && len(b.b) < ctx.Request.Header.ContentLength() {
		no = badRequest // fasthttp takes the connection's end for the body's
	}
	if no != nil {
		ctx.SetConnectionClose()
	}
	return b, no
}

func (s *Server) fillBody(b *requestBody, r io.Reader) *refusal {
	for {
		if len(b.b) == cap(b.b) {
			more := min(cap(b.b), max(s.options.MaxPayload+1-cap(b.b), 1))
			if s.bodyBytes.Add(int64(more)) > int64(s.options.BodyLimit) {
				s.bodyBytes.Add(-int64(more))
				return tooManyPayloads
			}
			b.b = append(make([]byte, 0, cap(b.b)+more), b.b...)
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		switch {
		case len(b.b) > s.options.MaxPayload:
			return payloadTooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return badRequest // the client broke off, or framed it wrong
		}
	}
}

func (s *Server) releaseBody(b *requestBody) {
	s.bodyBytes.Add(-int64(cap(b.b)))
	if cap(b.b) <= maxPooledSize {
		bodies.Put(b)
	}
}
