package engineio

import (
	"bytes"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/websocket"
)

// The names of the transports ("Transports").
const (
	polling   = "polling"
	webSocket = "websocket"
)

// Server is an Engine.IO server. Create it with New. It needs no Close; Drain
// closes its sessions.
type Server struct {
	options   Options
	table     *sessionTable
	upgrader  *websocket.Upgrader
	clock     func() time.Duration // since New
	bodyBytes atomic.Int64         // memory of the request bodies that are being read

	draining atomic.Bool // new sessions are refused

	upgraded, slow, replaced atomic.Uint64
}

// New creates a server. It starts no goroutine.
func New(o Options) *Server {
	o.setDefaults()
	begin := time.Now()
	s := &Server{options: o, table: newSessionTable(), clock: func() time.Duration { return time.Since(begin) }}
	s.upgrader = &websocket.Upgrader{
		Loop: o.Loop, Detach: o.Detach,
		MaxMessage: o.MaxPayload, QueueLimit: o.QueueLimit, Deflate: o.Deflate,
		MaxPartial:  int64(o.BodyLimit),
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }, // cors checks it
		OnShutdown:  func(c *websocket.Conn) { c.Close(websocket.GoingAway, string(ServerShutdown)) },
	}
	return s
}

// Stats are counters of a server.
type Stats struct {
	// Sessions is the current number of sessions.
	Sessions int
	// Upgraded counts sessions upgraded to a WebSocket, Slow sessions closed as
	// slow clients, and Replaced messages that a newer one replaced in the
	// queue of a polling session.
	Upgraded, Slow, Replaced uint64
}

// Stats returns the counters. It is cheap.
func (s *Server) Stats() Stats {
	return Stats{
		Sessions: int(s.table.count.Load()),
		Upgraded: s.upgraded.Load(), Slow: s.slow.Load(), Replaced: s.replaced.Load(),
	}
}

// Handler handles a request of any path. A poll blocks for up to PingInterval.
func (s *Server) Handler(ctx *fasthttp.RequestCtx) {
	if !s.CORS(ctx) {
		s.refuse(ctx, forbidden)
		return
	}
	if ctx.IsOptions() {
		preflight(ctx)
		return
	}
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	if r := s.route(ctx); r != nil {
		s.refuse(ctx, r)
	}
}

// route checks a request and calls its handler. The checks are in the order of
// the reference server, so a request with several errors gets the same code.
func (s *Server) route(ctx *fasthttp.RequestCtx) *refusal {
	query := ctx.QueryArgs()
	transport := query.Peek("transport")
	wantsWebSocket := string(transport) == webSocket && !s.options.NoWebSocket
	if !wantsWebSocket && (string(transport) != polling || s.options.NoPolling) {
		return unknownTransport
	}
	if sid := query.Peek("sid"); len(sid) > 0 {
		return s.routeSession(ctx, s.table.find(sid), wantsWebSocket)
	}
	upgrade := isUpgrade(ctx)
	switch {
	case !ctx.IsGet():
		return badMethod
	case upgrade != wantsWebSocket:
		return badRequest
	case !supportedProtocol(ctx):
		return unknownProtocol
	case query.Has("j"):
		return jsonpUnsupported
	case s.draining.Load():
		return goingAway
	}
	if err := s.options.Allow(ctx); err != nil {
		return refusalOf(err)
	}
	if wantsWebSocket {
		return s.serveWebSocket(ctx, nil)
	}
	return s.openPolling(ctx)
}

// routeSession is route for a request with a sid; session is nil if it is
// unknown.
func (s *Server) routeSession(ctx *fasthttp.RequestCtx, session *Session, wantsWebSocket bool) *refusal {
	switch {
	case session == nil:
		return unknownSession
	case !supportedProtocol(ctx):
		return unknownProtocol
	case isUpgrade(ctx) != wantsWebSocket:
		return badRequest
	case wantsWebSocket && s.options.NoUpgrades, wantsWebSocket && !ctx.IsGet():
		return badRequest
	case wantsWebSocket:
		return s.serveWebSocket(ctx, session)
	case ctx.QueryArgs().Has("j"):
		return jsonpUnsupported
	case ctx.IsGet():
		return session.servePoll(ctx)
	case ctx.IsPost():
		return session.servePost(ctx)
	}
	return badRequest
}

// supportedProtocol reports whether the request has EIO=4, the protocol version.
func supportedProtocol(ctx *fasthttp.RequestCtx) bool {
	return string(ctx.QueryArgs().Peek("EIO")) == "4"
}

func isUpgrade(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	return h.ConnectionUpgrade() && bytes.EqualFold(h.Peek(fasthttp.HeaderUpgrade), []byte(webSocket))
}
