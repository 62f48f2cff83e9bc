package engineio

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket/eventloop"
)

const (
	initialBufferSize = 4 << 10
	// maxPooledSize is the largest buffer that goes back to the pool. A pooled
	// buffer counts with its whole size against Options.BodyLimit, however
	// small the next body is.
	maxPooledSize = 16 << 10
)

// servePost handles a POST ("HTTP long-polling", "Sending data").
func (s *Session) servePost(ctx *fasthttp.RequestCtx) (r *refusal) {
	s.mu.Lock()
	r = s.checkRequestLocked()
	switch {
	case r != nil:
	case s.state == stateClientClosed:
		r = unknownSession
	case s.posting: // a client may send one POST at a time
		s.abortLocked(TransportError, closePacket)
		r = badRequest
	}
	s.posting = s.posting || r == nil
	s.unlockAndNotify()
	if r != nil {
		ctx.SetConnectionClose() // the body has not been read
		return r
	}
	reason := TransportError // also if a panic ends this function
	defer func() { s.finishPost(reason) }()
	if bytes.HasPrefix(ctx.Request.Header.ContentType(), []byte("application/octet-stream")) {
		return badRequest // "From v3 to v4": a payload is always text
	}
	body, r := s.server.readBody(ctx, &s.account)
	defer s.server.releaseBody(body, &s.account)
	if r != nil {
		return r
	}
	if err := s.receivePayload(ctx, body.b); errors.Is(err, errInvalidPacket) {
		reason = ParseError
		return badRequest
	}
	reason = ""
	// As in the reference server: some browsers offer text/plain for download.
	ctx.SetContentType("text/html")
	ctx.SetBodyString("ok")
	return nil
}

// finishPost ends a POST, and the session too unless reason is empty.
func (s *Session) finishPost(reason Reason) {
	s.mu.Lock()
	s.posting = false
	if reason != "" {
		s.abortLocked(reason, closePacket)
	}
	s.unlockAndNotify()
}

// receivePayload handles the packets of a payload in order, up to the first
// invalid one.
func (s *Session) receivePayload(ctx *fasthttp.RequestCtx, body []byte) error {
	p, err := newPayload(body)
	if err != nil {
		return err
	}
	if !s.beginReceive() {
		return errSessionClosed
	}
	defer s.endReceive()
	for {
		packet, ok, err := p.next()
		if err != nil || !ok {
			return err
		}
		if err := s.receive(packet); err != nil {
			return err
		}
		s.server.options.Progress(ctx)
	}
}

// requestBody is the part of a request's body that has arrived.
type requestBody struct{ b []byte }

var bodies = sync.Pool{New: func() any { return &requestBody{b: make([]byte, 0, initialBufferSize)} }}

// readBody reads the request's body. The caller passes the result to
// releaseBody, even after a refusal. The buffer grows with what arrives, not
// with what Content-Length announces, within Options.MaxPayload and
// Options.BodyLimit.
func (s *Server) readBody(ctx *fasthttp.RequestCtx, account *eventloop.Account) (*requestBody, *refusal) {
	b := bodies.Get().(*requestBody)
	b.b = b.b[:0]
	account.Charge(cap(b.b))
	if s.bodyBytes.Add(int64(cap(b.b))) > int64(s.options.BodyLimit) {
		ctx.SetConnectionClose() // rather than read the rest of the body
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
	r := s.fillBody(b, stream, account)
	if r == nil && len(b.b) < ctx.Request.Header.ContentLength() {
		r = badRequest // fasthttp reports EOF when the connection ends early
	}
	if r != nil {
		ctx.SetConnectionClose()
	}
	return b, r
}

func (s *Server) fillBody(b *requestBody, stream io.Reader, account *eventloop.Account) *refusal {
	for {
		if len(b.b) == cap(b.b) {
			more := min(cap(b.b), max(s.options.MaxPayload+1-cap(b.b), 1))
			if s.bodyBytes.Add(int64(more)) > int64(s.options.BodyLimit) {
				s.bodyBytes.Add(-int64(more))
				return tooManyPayloads
			}
			before := cap(b.b)
			b.b = append(make([]byte, 0, before+more), b.b...)
			account.Charge(cap(b.b) - before)
		}
		n, err := stream.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		switch {
		case len(b.b) > s.options.MaxPayload:
			return payloadTooLarge
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return badRequest // the client has disconnected or sent invalid chunks
		}
	}
}

func (s *Server) releaseBody(b *requestBody, account *eventloop.Account) {
	account.Charge(-cap(b.b))
	s.bodyBytes.Add(-int64(cap(b.b)))
	if cap(b.b) <= maxPooledSize {
		bodies.Put(b)
	}
}
