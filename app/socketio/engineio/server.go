package engineio

import (
	"bytes"
	"encoding/json"
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

// Server holds the sessions. New makes one; it needs no closing, but Drain
// tells its clients to go.
type Server struct {
	options   Options
	table     *sessionTable
	upgrader  *websocket.Upgrader
	clock     func() time.Duration // since the server was made
	bodyBytes atomic.Int64         // bytes that payloads take now

	draining atomic.Bool // new sessions are refused

	upgraded, slow, replaced atomic.Uint64
}

// New makes a server. It starts nothing.
func New(o Options) *Server {
	o.setDefaults()
	begin := time.Now()
	s := &Server{options: o, table: newSessionTable(), clock: func() time.Duration { return time.Since(begin) }}
	s.upgrader = &websocket.Upgrader{
		Loop: o.Loop, Detach: o.Detach,
		MaxMessage: o.MaxPayload, QueueLimit: o.QueueLimit, Deflate: o.Deflate,
		MaxPartial:  int64(o.BodyLimit),
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }, // cors has
		OnShutdown:  func(c *websocket.Conn) { c.Close(websocket.GoingAway, string(ServerShutdown)) },
	}
	return s
}

// Stats are a server's figures.
type Stats struct {
	// Sessions is how many there are now.
	Sessions int
	// Upgraded counts the sessions that moved to a WebSocket; Slow those that
	// were ended because too much waited for them; Replaced the messages that
	// a newer one took the place of while a session was polling.
	Upgraded, Slow, Replaced uint64
}

// Stats is cheap.
func (s *Server) Stats() Stats {
	return Stats{
		Sessions: int(s.table.count.Load()),
		Upgraded: s.upgraded.Load(), Slow: s.slow.Load(), Replaced: s.replaced.Load(),
	}
}

// Handler answers a request, whatever its path. It may wait, as a poll does,
// for PingInterval at most.
func (s *Server) Handler(ctx *fasthttp.RequestCtx) {
	if !s.cors(ctx) {
		s.refuse(ctx, forbidden)
		return
	}
	if ctx.IsOptions() {
		preflight(ctx)
		return
	}
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	if no := s.route(ctx); no != nil {
		s.refuse(ctx, no)
	}
}

// serve finds out what the request is for. The order of the checks, and so
// which code a request with several faults gets, is the reference server's.
func (s *Server) route(ctx *fasthttp.RequestCtx) *refusal {
	query := ctx.QueryArgs()
	transport := query.Peek("transport")
	onSocket := string(transport) == webSocket && !s.options.NoWebSocket
	if !onSocket && (string(transport) != polling || s.options.NoPolling) {
		return unknownTransport
	}
	if sid := query.Peek("sid"); len(sid) > 0 {
		return s.routeSession(ctx, s.table.find(sid), onSocket)
	}
	upgrade := isUpgrade(ctx)
	switch {
	case !ctx.IsGet():
		return badMethod
	case upgrade != onSocket:
		return badRequest
	case !supportedProtocol(ctx):
		return unknownProtocol
	case query.Has("j"):
		return jsonpUnsupported
	case s.draining.Load():
		return goingAway
	}
	if err := s.options.Allow(ctx); err != nil {
		return &refusal{forbidden.status, forbidden.code, err.Error()}
	}
	if onSocket {
		return s.serveWebSocket(ctx, nil)
	}
	return s.openPolling(ctx)
}

// serveSession answers a request that names a session; nil is one that there
// is not.
func (s *Server) routeSession(ctx *fasthttp.RequestCtx, session *Session, onSocket bool) *refusal {
	switch {
	case session == nil:
		return unknownSession
	case !supportedProtocol(ctx):
		return unknownProtocol
	case isUpgrade(ctx) != onSocket:
		return badRequest
	case onSocket && s.options.NoUpgrades, onSocket && !ctx.IsGet():
		return badRequest
	case onSocket:
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

// supported: EIO names the revision of the protocol ("Query parameters").
func supportedProtocol(ctx *fasthttp.RequestCtx) bool {
	return string(ctx.QueryArgs().Peek("EIO")) == "4"
}

func isUpgrade(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	return h.ConnectionUpgrade() && bytes.EqualFold(h.Peek(fasthttp.HeaderUpgrade), []byte(webSocket))
}

// openPolling begins a session by an answer to a GET ("Handshake").
func (s *Server) openPolling(ctx *fasthttp.RequestCtx) *refusal {
	facts := s.newHandshake(ctx)
	if !s.table.reserve(s.options.MaxSessions) {
		return tooManySessions
	}
	session := &Session{server: s, id: newID(), handshake: facts}
	session.start()
	ctx.SetContentType("text/plain; charset=UTF-8")
	ctx.SetBody(s.openPacket(session.id, !s.options.NoUpgrades && !s.options.NoWebSocket))
	return nil
}

// begin puts the session, which has a place reserved, into the table. If Open
// panics, there will have been no session.
func (s *Session) start() {
	s.receiving = true
	s.server.table.add(s)
	opened := false
	defer func() {
		s.mu.Lock()
		s.receiving = false
		s.closeNotified = s.closeNotified || !opened
		if !opened {
			s.socket = nil // its connection tells the client
			s.abortLocked(TransportError, closePacket)
		}
		s.unlockAndNotify()
	}()
	s.recvMu.Lock()
	defer s.recvMu.Unlock()
	s.mu.Lock()
	s.deadline = s.server.now() + int64(s.server.options.PingInterval)
	s.scheduleLocked()
	s.mu.Unlock()
	receiver := s.server.options.Open(s)
	s.mu.Lock()
	s.receiver = receiver
	s.mu.Unlock()
	opened = true
	if s.server.draining.Load() { // Drain may have looked before it was there
		s.close(ServerShutdown, websocket.GoingAway)
	}
}

func (s *Server) refuse(ctx *fasthttp.RequestCtx, no *refusal) {
	s.options.Refused(ctx, no.code, no.message)
	message, _ := json.Marshal(no.message)
	ctx.SetStatusCode(no.status)
	ctx.SetContentType("application/json")
	ctx.Response.SetBodyString(`{"code":` + string(rune('0'+no.code)) + `,"message":` + string(message) + `}`)
	if no.status == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retryAfter)
	}
}
