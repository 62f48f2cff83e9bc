package socketio

import (
	"context"
	"sync/atomic"
	"time"
)

// Namespace is a part of a server that clients connect to by its name. All
// methods may be called concurrently.
type Namespace struct {
	Handlers
	server     *Server
	name       string
	parent     *ParentNamespace // nil if it was not made because of a pattern
	adapter    Adapter
	lastAckID  atomic.Uint64
	clientRefs atomic.Int64 // clients that are here, or on their way
}

// Name returns the name, which begins with a slash.
func (n *Namespace) Name() string { return n.name }

// Adapter returns what keeps the rooms.
func (n *Namespace) Adapter() Adapter { return n.adapter }

// Sockets returns this server's sockets.
func (n *Namespace) Sockets() []*Socket { return n.adapter.LocalSockets(&BroadcastOptions{}) }

// Socket returns this server's socket of an id, nil if there is none.
func (n *Namespace) Socket(id string) *Socket {
	for _, s := range n.adapter.LocalSockets(&BroadcastOptions{Rooms: []string{id}}) {
		if s.id == id {
			return s
		}
	}
	return nil
}

// nextAckID returns an id for an acknowledgement that no other of the namespace
// has.
func (n *Namespace) nextAckID() uint64 { return n.lastAckID.Add(1) - 1 }

// allSockets selects every socket of the namespace.
func (n *Namespace) allSockets() BroadcastOperator { return BroadcastOperator{ns: n} }

// To and In select the members of rooms.
func (n *Namespace) To(rooms ...string) BroadcastOperator { return n.allSockets().To(rooms...) }

// In is To.
func (n *Namespace) In(rooms ...string) BroadcastOperator { return n.allSockets().To(rooms...) }

// Except selects everybody but the members of rooms.
func (n *Namespace) Except(rooms ...string) BroadcastOperator { return n.allSockets().Except(rooms...) }

// Local selects this server's sockets.
func (n *Namespace) Local() BroadcastOperator { return n.allSockets().Local() }

// Volatile sends to those only who can take it at once.
func (n *Namespace) Volatile() BroadcastOperator { return n.allSockets().Volatile() }

// Compress says whether what is sent is worth compressing, for clients that
// negotiated it (engineio.Options.Deflate). Without it it is.
func (n *Namespace) Compress(on bool) BroadcastOperator { return n.allSockets().Compress(on) }

// Timeout bounds the wait for acknowledgements.
func (n *Namespace) Timeout(d time.Duration) BroadcastOperator { return n.allSockets().Timeout(d) }

// Emit sends an event to every socket of the namespace, on all servers.
func (n *Namespace) Emit(event string, args ...any) error { return n.allSockets().Emit(event, args...) }

// EmitWithAck is Emit, and waits for everybody's acknowledgement; see
// Operator.EmitWithAck.
func (n *Namespace) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	return n.allSockets().EmitWithAck(ctx, event, args...)
}

// FetchSockets describes the sockets of the namespace, on all servers.
func (n *Namespace) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	return n.allSockets().FetchSockets(ctx)
}

// SocketsJoin makes every socket of the namespace a member of rooms.
func (n *Namespace) SocketsJoin(rooms ...string) error { return n.allSockets().SocketsJoin(rooms...) }

// SocketsLeave ends the membership of every socket of the namespace in rooms.
func (n *Namespace) SocketsLeave(rooms ...string) error { return n.allSockets().SocketsLeave(rooms...) }

// DisconnectSockets disconnects every socket of the namespace, and closes the
// clients' connections if asked to.
func (n *Namespace) DisconnectSockets(closeConnection bool) error {
	return n.allSockets().DisconnectSockets(closeConnection)
}

// ServerSideEmit sends an event to the other servers, for OnServerSideEvent.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	data, err := MakeArgs(append([]any{event}, args...)...)
	if err != nil {
		return err
	}
	return n.adapter.ServerSideEmit(data)
}

// ServerSideEmitWithAck is ServerSideEmit, and waits for one answer of each
// other server, for Options.AckTimeout if ctx has no deadline. With an error
// come the answers so far.
func (n *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	data, err := MakeArgs(append([]any{event}, args...)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := n.server.withAckTimeout(ctx)
	defer cancel()
	return n.adapter.ServerSideEmitWithAck(ctx, data)
}

// ServerCount is the number of servers, this one included.
func (n *Namespace) ServerCount(ctx context.Context) (int, error) {
	ctx, cancel := n.server.withAckTimeout(ctx)
	defer cancel()
	return n.adapter.ServerCount(ctx)
}

// ServerSideEvent is how an adapter passes on what another server has sent: an
// event, its name first. answer is nil if none is wanted; it is called at most
// once, with one value. The handlers run on the caller's goroutine, guarded.
func (n *Namespace) ServerSideEvent(event Args, answer func(Args)) {
	handlers := n.load().serverSide[event.Text(0)]
	if len(handlers) == 0 {
		return
	}
	e := &ServerEvent{Namespace: n, Name: event.Text(0), Args: event.At(1, -1), answer: answer}
	n.server.options.Guard(func() {
		for _, f := range handlers {
			f(e)
		}
	}, func() {})
}

// withAckTimeout gives ctx a deadline if it has none.
func (s *Server) withAckTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.options.AckTimeout)
}
