package live

import (
	"context"
	"encoding/json"
	"net/netip"
	"sync"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// socketIO is the Socket.IO server with the sessions of its main namespace.
type socketIO struct {
	server *socketio.Server

	mu       sync.RWMutex
	sessions map[*socketio.Socket]*socketIOSession
}

// socketIOSession is a session on a socket of the main namespace.
type socketIOSession struct {
	session
	socket *socketio.Socket
}

// connectTimeout is how long a client may hold a connection without having joined
// the main namespace. Socket.IO adds a second for network delay.
const connectTimeout = 8 * time.Second

// callerKey is the user value that holds the Caller of a request.
const callerKey = "live caller"

// newSocketIO makes the Socket.IO server.
func (s *Server) newSocketIO() (err error) {
	conn := s.conn
	s.socketIO.sessions = map[*socketio.Socket]*socketIOSession{}
	o := conn.SocketIO
	o.Engine.Loop, o.Engine.Detach, o.Engine.Await = conn.Loop, conn.Detach, conn.Await
	o.Engine.MaxPayload, o.Engine.QueueLimit, o.Engine.Deflate = conn.MaxPayload, conn.QueueBytes, conn.Compress
	o.Engine.ReplaceAbove = conn.QueueBytes / 8 // data waits between two polls without the client being slow
	o.ConnectTimeout = connectTimeout
	if limit := conn.Loop.Memory().Limit(); limit > 0 {
		o.Engine.BodyLimit = int(limit) // the largest sessions are evicted before
	}
	o.Engine.Allow = func(ctx *fasthttp.RequestCtx) error {
		if refusal := s.admit(Caller{Addr: requestCaller(ctx).Addr}); refusal != nil { // the key comes with the CONNECT packet
			return refusal
		}
		return nil
	}
	o.Engine.Acquire = func(addr string) (engineio.Lease, error) {
		parsed, _ := netip.ParseAddr(addr)
		lease, refusal := s.admission.acquire(parsed, "")
		if refusal != nil {
			return nil, refusal
		}
		return lease, nil
	}
	o.Engine.AllowUpgrade = func() bool { // of a session that has been admitted, or before Allow is asked
		return !conn.Draining() || s.admission.refuse(refusedDraining) == nil
	}
	o.Engine.ClientAddr = func(ctx *fasthttp.RequestCtx) string { return requestCaller(ctx).Addr.String() }
	if o.Recovery == nil {
		o.Recovery = &socketio.Recovery{RunMiddlewares: true}
	}
	o.Panicked = s.options.OnPanic
	if s.socketIO.server, err = socketio.NewServer(o); err != nil {
		return err
	}
	main := s.socketIO.server.Namespace
	main.Use(s.admitSocket)
	main.OnConnection(s.socketConnected)
	main.OnDisconnect(s.socketDisconnected)
	main.On(opSubscribe, s.handleRooms((*socketIOSession).handleSubscribe))
	main.On(opUnsubscribe, s.handleRooms((*socketIOSession).handleUnsubscribe))
	main.On(opTelemetry, s.handleTelemetry)
	main.OnAny(refuseUnknown)
	return nil
}

// ServeSocketIO responds to a request of a Socket.IO client. The key need not be
// checked: the client may send it with the CONNECT packet.
func (s *Server) ServeSocketIO(ctx *fasthttp.RequestCtx, caller Caller) {
	ctx.SetUserValue(callerKey, caller)
	s.socketIO.server.Handler(ctx)
}

// SocketIO returns the Socket.IO server. The rooms of its main namespace have the
// names of the rooms of this package. It is nil without Conn.Loop.
func (s *Server) SocketIO() *socketio.Server { return s.socketIO.server }

func requestCaller(ctx *fasthttp.RequestCtx) Caller {
	caller, _ := ctx.UserValue(callerKey).(Caller)
	return caller
}

// authenticateSocket returns the owner of a socket's key: auth.token of the CONNECT
// packet, or the headers of the handshake.
func (s *Server) authenticateSocket(socket *socketio.Socket) (access.Principal, error) {
	var auth struct {
		Token string `json:"token"`
	}
	_ = json.Unmarshal(socket.Auth(), &auth) // without a token the headers are used
	return s.options.Authenticate(clientAddr(socket), auth.Token, socket.Conn().Handshake().Header)
}

// clientAddr returns the client's address at the handshake.
func clientAddr(socket *socketio.Socket) netip.Addr {
	addr, _ := netip.ParseAddr(socket.Conn().Handshake().RemoteAddr())
	return addr
}

// leaseOf returns what the socket's connection counts for. It is released with the
// connection.
func leaseOf(socket *socketio.Socket) *lease { return socket.Conn().Lease().(*lease) }

// admitSocket is the middleware for new sockets. The client receives its error as
// connect_error.
func (s *Server) admitSocket(socket *socketio.Socket) error {
	principal, err := s.authenticateSocket(socket)
	if err != nil {
		return &socketio.ConnectionError{Message: "unauthorized", Data: &Fault{Kind: kindUnauthorized, Detail: err.Error()}}
	}
	if refusal := leaseOf(socket).setKey(principal.Name); refusal != nil {
		return &socketio.ConnectionError{Message: refusal.detail, Data: struct {
			Fault
			RetryAfter int `json:"retry_after"`
		}{Fault{Kind: kindOverloaded, Detail: refusal.detail}, refusal.RetryAfter}}
	}
	return nil
}

// socketConnected starts a session. A recovered socket subscribes again to its
// rooms: the snapshots contain what it has missed.
func (s *Server) socketConnected(socket *socketio.Socket) {
	principal, err := s.authenticateSocket(socket)
	if err != nil { // the keys have changed since the middleware
		socket.Disconnect(true)
		return
	}
	lease := leaseOf(socket)
	if lease.setKey(principal.Name) != nil {
		socket.Disconnect(true)
		return
	}
	c := &socketIOSession{socket: socket}
	c.session = session{srv: s, member: c, transport: transportSocketIO, principal: principal, lease: lease, account: socket.Conn().Account()}
	s.socketIO.mu.Lock()
	s.socketIO.sessions[socket] = c
	s.socketIO.mu.Unlock()
	c.start()
	if !socket.Connected() { // it may have disconnected before it was in the map
		s.socketDisconnected(socket, "")
		return
	}
	if s.closeIfRevoked(c) || !socket.Recovered() {
		return
	}
	for _, name := range socket.Rooms() {
		if _, err := parseRoom(name); err != nil {
			continue // the socket's own room, or a room of another program
		}
		if fault := c.subscribe(context.Background(), []string{name}, func() {}); fault != nil {
			socket.Leave(name)
		}
	}
}

func (s *Server) socketDisconnected(socket *socketio.Socket, reason socketio.Reason) {
	s.socketIO.mu.Lock()
	c := s.socketIO.sessions[socket]
	delete(s.socketIO.sessions, socket)
	s.socketIO.mu.Unlock()
	if c == nil {
		return
	}
	if reason == socketio.SlowClient {
		c.markSlow()
	}
	c.finish()
}

func (c *socketIOSession) revoke() { c.socket.Disconnect(true) }

// Deliver queues a frame as an event with one argument, {room, seq, data}. If that
// fails, the socket disconnects.
func (c *socketIOSession) Deliver(f *hub.Frame) {
	if p, _ := f.Encoded(transportSocketIO, c.srv.prepareFrame).(*socketio.Prepared); p != nil {
		_ = c.socket.SendPreparedLatest(eventloop.Key(f.Key), p)
	}
}

// prepareFrame encodes a frame; it returns nil if that fails.
func (s *Server) prepareFrame(f *hub.Frame) any {
	p, err := s.socketIO.server.Prepare(f.Event, struct {
		Room string          `json:"room"`
		Seq  uint64          `json:"seq"`
		Data json.RawMessage `json:"data"`
	}{f.Room, f.Seq, f.Data})
	if err != nil {
		return nil
	}
	return p
}
