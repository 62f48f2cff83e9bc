package live

import (
	"errors"
	"net/netip"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// Serving is what sessions need of whatever accepts the connections.
type ConnOptions struct {
	// Loop serves the connections; its owner runs it.
	Loop *eventloop.Loop
	// Detach hands the request's connection over once the response is sent.
	Detach func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport))
	// Await makes the wait of a poll, which ends when its client goes.
	Await func(ctx *fasthttp.RequestCtx) engineio.Wait
	// AllowOrigin says whether a web page may have a session; it is asked only
	// where the request names an origin.
	AllowOrigin func(ctx *fasthttp.RequestCtx) bool
	// Refuse answers a handshake that failed; nil is the transports' own form.
	Refuse func(ctx *fasthttp.RequestCtx, status int, reason error)
	// Draining says that no session may begin any more; nil never says so.
	Draining func() bool
	// QueueBytes is how much may wait for a client, in bytes, and MaxPayload
	// the largest message from one.
	QueueBytes, MaxPayload int
	// Compress agrees to permessage-deflate.
	Compress bool
	// SocketIO configures the Socket.IO server. What the other fields say, and
	// who may connect, is filled in.
	SocketIO socketio.Options
}

// Caller is who a request comes from.
type Caller struct {
	Addr netip.Addr
	// Who is the key that came with the request, if one did.
	Principal access.Principal
}

func (s *ConnOptions) setDefaults() error {
	if s.Loop == nil || s.Detach == nil || s.Await == nil {
		return errors.New("realtime: Serving.Loop, Serving.Detach and Serving.Await are needed")
	}
	if s.AllowOrigin == nil {
		s.AllowOrigin = func(*fasthttp.RequestCtx) bool { return true }
	}
	if s.Draining == nil {
		s.Draining = func() bool { return false }
	}
	if s.QueueBytes <= 0 {
		s.QueueBytes = 1 << 20
	}
	if s.MaxPayload <= 0 {
		s.MaxPayload = 1 << 20
	}
	return nil
}

// admit says whether a session may begin. Its place is taken once it has: a
// handshake may come to nothing without anybody being told.
func (r *Server) admit(caller Caller) *Refusal {
	if r.conn.Draining() {
		return r.admission.refuse(refusedDraining)
	}
	if refusal := r.admission.checkCapacity(caller.Addr, caller.Principal.Name); refusal != nil {
		return refusal
	}
	return r.admission.allowUpgrade()
}

// HTTPStatus is how a refusal is answered.
func (r *Refusal) HTTPStatus() (status, retryAfter int) {
	if r.Busy {
		return fasthttp.StatusServiceUnavailable, r.RetryAfter
	}
	return fasthttp.StatusTooManyRequests, r.RetryAfter
}
