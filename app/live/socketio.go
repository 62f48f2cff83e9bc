package live

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"sync"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// sockets are the sessions on Socket.IO's main namespace.
type socketIO struct {
	server *socketio.Server

	mu       sync.RWMutex
	sessions map[*socketio.Socket]*socketIOSession
}

// socket is one of them.
type socketIOSession struct {
	session
	socket *socketio.Socket
}

// userCaller is where the caller of a request to the Engine.IO server is kept.
const callerKey = "realtime caller"

// newSockets makes the server and says what its sockets may do.
func (r *Server) newSocketIO() (err error) {
	s := r.conn
	r.socketIO.sessions = map[*socketio.Socket]*socketIOSession{}
	o := s.SocketIO
	o.Engine.Loop, o.Engine.Detach, o.Engine.Await = s.Loop, s.Detach, s.Await
	o.Engine.MaxPayload, o.Engine.QueueLimit, o.Engine.Deflate = s.MaxPayload, s.QueueBytes, s.Compress
	o.Engine.ReplaceAbove = s.QueueBytes / 8 // one who polls is not slow for that
	o.Engine.MaxSessions = r.admission.limits.Sockets
	o.Engine.Allow = func(ctx *fasthttp.RequestCtx) error {
		if refusal := r.admission.checkCapacity(requestCaller(ctx).Addr, ""); refusal != nil {
			return refusal
		}
		return nil
	}
	o.Engine.AllowUpgrade = func() bool {
		if s.Draining() {
			return r.admission.refuse(refusedDraining) == nil
		}
		return r.admission.allowUpgrade() == nil
	}
	o.Engine.ClientAddr = func(ctx *fasthttp.RequestCtx) string { return requestCaller(ctx).Addr.String() }
	if o.Recovery == nil {
		o.Recovery = &socketio.Recovery{RunMiddlewares: true}
	}
	o.Panicked = r.options.OnPanic
	if r.socketIO.server, err = socketio.NewServer(o); err != nil {
		return err
	}

	main := r.socketIO.server.Namespace
	main.Use(r.admitSocket)
	main.OnConnection(r.socketConnected)
	main.OnDisconnect(r.socketDisconnected)
	main.On(opSubscribe, r.onRooms((*socketIOSession).onSubscribe))
	main.On(opUnsubscribe, r.onRooms((*socketIOSession).onUnsubscribe))
	main.On(opTelemetry, r.onTelemetry)
	return nil
}

// ServeSocketIO answers a request of a Socket.IO client, whose key has not been
// checked: it may come with the first packet.
func (r *Server) ServeSocketIO(ctx *fasthttp.RequestCtx, caller Caller) {
	ctx.SetUserValue(callerKey, caller)
	r.socketIO.server.Handler(ctx)
}

// SocketIO is the Socket.IO server; its main namespace has the factory's
// rooms.
func (r *Server) SocketIO() *socketio.Server { return r.socketIO.server }

func requestCaller(ctx *fasthttp.RequestCtx) Caller {
	caller, _ := ctx.UserValue(callerKey).(Caller)
	return caller
}

// principal finds whose key a socket has shown: in auth.token, or in the
// headers of the request that began its session.
func (r *Server) authenticateSocket(s *socketio.Socket) (access.Principal, bool) {
	if r.options.Keys.Unrestricted() {
		return access.Principal{}, true
	}
	var auth struct {
		Token string `json:"token"`
	}
	_ = json.Unmarshal(s.Auth(), &auth) // without a token the headers count
	if auth.Token != "" {
		return r.options.Keys.Authenticate([]byte(auth.Token))
	}
	h := s.Conn().Handshake()
	if key := h.Header("X-API-Key"); key != "" {
		return r.options.Keys.Authenticate([]byte(key))
	}
	scheme, secret, _ := strings.Cut(h.Header(fasthttp.HeaderAuthorization), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Token") {
		return r.options.Keys.Authenticate([]byte(strings.TrimSpace(secret)))
	}
	return access.Principal{}, false
}

// addressOf is the client's, as the request that began its session had it.
func clientAddr(s *socketio.Socket) netip.Addr {
	addr, _ := netip.ParseAddr(s.Conn().Handshake().RemoteAddr())
	return addr
}

// allowSocket is the middleware: what it returns is the client's connect_error.
func (r *Server) admitSocket(s *socketio.Socket) error {
	who, ok := r.authenticateSocket(s)
	if !ok {
		return &socketio.ConnectionError{Message: "unauthorized", Data: &Fault{
			Kind: kindUnauthorized, Detail: "a valid API key is needed: auth.token, Authorization: Bearer, or X-API-Key",
		}}
	}
	if refusal := r.admission.checkCapacity(clientAddr(s), who.Name); refusal != nil {
		return connectionRefused(refusal)
	}
	return nil
}

func connectionRefused(refusal *Refusal) error {
	return &socketio.ConnectionError{Message: refusal.detail, Data: struct {
		Fault
		RetryAfter int `json:"retry_after"`
	}{Fault{Kind: kindOverloaded, Detail: refusal.detail}, refusal.RetryAfter}}
}

// socketConnected begins a session. One that was recovered has its rooms back,
// each with a fresh snapshot: what was shown meanwhile is in it.
func (r *Server) socketConnected(s *socketio.Socket) {
	who, ok := r.authenticateSocket(s)
	if !ok { // the keys have changed since the middleware
		s.Disconnect(true)
		return
	}
	ticket, refusal := r.admission.acquire(clientAddr(s), who.Name)
	if refusal != nil {
		s.Disconnect(true)
		return
	}
	c := &socketIOSession{socket: s}
	c.session = session{srv: r, member: c, principal: who, lease: ticket}
	r.socketIO.mu.Lock()
	r.socketIO.sessions[s] = c
	r.socketIO.mu.Unlock()
	r.counters.sessions[indexSocketIO].Add(1)
	if !s.Connected() { // it has gone already, perhaps before it was in the map
		r.socketDisconnected(s, "")
		return
	}
	if !s.Recovered() {
		return
	}
	for _, name := range s.Rooms() {
		if _, err := parseRoom(name); err != nil {
			continue // its own, or one of another program's
		}
		if fault := c.subscribe(context.Background(), []string{name}, func() {}); fault != nil {
			s.Leave(name)
		}
	}
}

func (r *Server) socketDisconnected(s *socketio.Socket, reason socketio.Reason) {
	r.socketIO.mu.Lock()
	c := r.socketIO.sessions[s]
	delete(r.socketIO.sessions, s)
	r.socketIO.mu.Unlock()
	if c == nil {
		return
	}
	if reason == socketio.SlowClient {
		r.counters.slow[indexSocketIO].Add(1)
	}
	r.counters.sessions[indexSocketIO].Add(-1)
	c.lease.release()
	c.end()
}

func (s *socketIOSession) revoke() { s.socket.Disconnect(true) }

// Deliver sends a frame: the event with one object {room, seq, data}.
func (s *socketIOSession) Deliver(f *hub.Frame) {
	p, _ := f.Encoded(formatSocketIO, s.srv.prepareFrame).(*socketio.Prepared)
	if p != nil {
		_ = s.socket.SendPreparedLatest(eventloop.Key(f.Key), p) // if it fails, the end follows
	}
}

func (r *Server) prepareFrame(f *hub.Frame) any {
	p, err := r.socketIO.server.Prepare(f.Event, struct {
		Room string          `json:"room"`
		Seq  uint64          `json:"seq"`
		Data json.RawMessage `json:"data"`
	}{f.Room, f.Seq, f.Data})
	if err != nil {
		return nil
	}
	return p
}

// acknowledgement is what the client's callback gets.
type acknowledgement struct {
	OK    bool   `json:"ok"`
	Error *Fault `json:"error,omitempty"`
}

func acknowledge(e *socketio.Event, fault *Fault) {
	_ = e.Ack(acknowledgement{OK: fault == nil, Error: fault}) // without a callback there is no answer
}

// onRooms reads the rooms of an event and calls what handles it.
func (r *Server) onRooms(handle func(*socketIOSession, *socketio.Event, []string)) socketio.Handler {
	return func(e *socketio.Event) {
		c := r.sessionOf(e)
		var list struct {
			Rooms []string `json:"rooms"`
		}
		if c == nil {
			return
		}
		if fault := c.checkRate(); fault != nil {
			acknowledge(e, fault)
			return
		}
		if err := e.Args.Decode(0, &list); err != nil {
			acknowledge(e, &Fault{Kind: kindInvalid, Detail: `want an object like {rooms: ["all"]}`})
			return
		}
		handle(c, e, list.Rooms)
	}
}

func (r *Server) sessionOf(e *socketio.Event) *socketIOSession {
	r.socketIO.mu.RLock()
	defer r.socketIO.mu.RUnlock()
	return r.socketIO.sessions[e.Socket]
}

func (s *socketIOSession) onSubscribe(e *socketio.Event, rooms []string) {
	fault := s.subscribe(context.Background(), rooms, func() {
		s.socket.Join(rooms...) // for what other programs emit to them
		acknowledge(e, nil)
	})
	if fault != nil {
		acknowledge(e, fault)
	}
}

func (s *socketIOSession) onUnsubscribe(e *socketio.Event, rooms []string) {
	fault := s.unsubscribe(rooms)
	if fault == nil {
		s.socket.Leave(rooms...)
	}
	acknowledge(e, fault)
}

// onTelemetry commits what a machine sends; the acknowledgement follows the
// commit.
func (r *Server) onTelemetry(e *socketio.Event) {
	c := r.sessionOf(e)
	if c == nil {
		return
	}
	if fault := c.checkRate(); fault != nil {
		acknowledge(e, fault)
		return
	}
	body := e.Args.Raw(0)
	if len(body) == 0 || len(e.Args.Attachments()) > 0 {
		acknowledge(e, &Fault{Kind: kindInvalid, Detail: "want an object with machine, ts and values, or an array of these"})
		return
	}
	receipt, fault := c.ingest(body)
	if fault != nil {
		acknowledge(e, fault)
		return
	}
	answer := append([]byte(nil), `{"ok":`...)
	if receipt.Err == nil {
		answer = append(answer, "true"...)
	} else {
		answer = append(answer, "false"...)
	}
	_ = e.Ack(json.RawMessage(append(receipt.appendMembers(answer), '}')))
}
