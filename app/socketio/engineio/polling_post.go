package engineio

import (
	"bytes"
	"errors"

	"github.com/valyala/fasthttp"
)

// servePost takes a payload ("Sending data").
func (s *Session) servePost(ctx *fasthttp.RequestCtx) (no *refusal) {
	s.mu.Lock()
	no = s.checkRequestLocked()
	switch {
	case no != nil:
	case s.state == stateClientClosed:
		no = unknownSession
	case s.posting:
		s.abortLocked(TransportError, closePacket)
		no = badRequest
	}
	s.posting = s.posting || no == nil
	s.unlockAndNotify()
	if no != nil {
		ctx.SetConnectionClose() // its body is unread
		return no
	}
	reason := TransportError // of a panic, too
	defer func() { s.finishPost(reason) }()
	if bytes.HasPrefix(ctx.Request.Header.ContentType(), []byte("application/octet-stream")) {
		return badRequest // "From v3 to v4": a payload is text always
	}
	body, no := s.server.readBody(ctx)
	defer s.server.releaseBody(body)
	if no != nil {
		return no
	}
	err := s.receivePayload(body.b)
	if errors.Is(err, errInvalidPacket) {
		reason = ParseError
		return badRequest
	}
	reason = ""
	// The reference server says html because some browsers offer plain text
	// for download.
	ctx.SetContentType("text/html")
	ctx.SetBodyString("ok")
	return nil
}

// posted ends the time of a POST, and the session if there is a reason.
func (s *Session) finishPost(reason Reason) {
	s.mu.Lock()
	s.posting = false
	if reason != "" {
		s.abortLocked(reason, closePacket)
	}
	s.unlockAndNotify()
}

// receivePayload acts on the packets of a payload in their order. The first
// that is none ends the session; those before it count.
func (s *Session) receivePayload(body []byte) error {
	p, err := newPayload(body)
	if err != nil {
		return err
	}
	if !s.beginReceive() {
		return errSessionClosed
	}
	defer s.endReceive()
	for {
		one, ok, err := p.next()
		if err != nil || !ok {
			return err
		}
		if err := s.receive(one); err != nil {
			return err
		}
	}
}
