package engineio

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/valyala/fasthttp"
)

const (
	firstBuffer = 4 << 10
	// keptBuffer is the largest buffer that is kept for the next request, whose
	// share of the bound it takes however small that is.
	keptBuffer = 16 << 10
)

// body is a payload in memory, as far as it has arrived.
type body struct{ b []byte }

var bodies = sync.Pool{New: func() any { return &body{b: make([]byte, 0, firstBuffer)} }}

// readBody reads the request's body, which the caller gives to release even
// if it was refused. What it takes grows with what arrives, not with what was
// announced, and stays within the limits of one payload and of all.
func (s *Server) readBody(ctx *fasthttp.RequestCtx) (*body, *refusal) {
	b := bodies.Get().(*body)
	b.b = b.b[:0]
	if s.bodies.Add(int64(cap(b.b))) > int64(s.o.BodyLimit) {
		ctx.SetConnectionClose() // the rest of the body is not worth reading
		return b, tooManyBodies
	}
	if ctx.Request.Header.ContentLength() > s.o.MaxPayload {
		ctx.SetConnectionClose()
		return b, tooLarge
	}
	stream := ctx.RequestBodyStream()
	if stream == nil {
		stream = bytes.NewReader(ctx.Request.Body())
	}
	no := s.fill(b, stream)
	if no == nil && len(b.b) < ctx.Request.Header.ContentLength() {
		no = badRequest // fasthttp takes the connection's end for the body's
	}
	if no != nil {
		ctx.SetConnectionClose()
	}
	return b, no
}

func (s *Server) fill(b *body, r io.Reader) *refusal {
	for {
		if len(b.b) == cap(b.b) {
			more := min(cap(b.b), max(s.o.MaxPayload+1-cap(b.b), 1))
			if s.bodies.Add(int64(more)) > int64(s.o.BodyLimit) {
				s.bodies.Add(-int64(more))
				return tooManyBodies
			}
			b.b = append(make([]byte, 0, cap(b.b)+more), b.b...)
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		switch {
		case len(b.b) > s.o.MaxPayload:
			return tooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return badRequest // the client broke off, or framed it wrong
		}
	}
}

func (s *Server) release(b *body) {
	s.bodies.Add(-int64(cap(b.b)))
	if cap(b.b) <= keptBuffer {
		bodies.Put(b)
	}
}
