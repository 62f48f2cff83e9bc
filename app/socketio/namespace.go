package socketio

import (
	"context"
	"sync/atomic"
)

// Namespace is a part of a server that clients connect to by its name. The
// methods of its BroadcastOperator select all its sockets, on all servers. All
// methods may be called concurrently.
type Namespace struct {
	Handlers
	BroadcastOperator
	server     *Server
	name       string
	parent     *ParentNamespace // nil if no pattern created it
	adapter    Adapter
	lastAckID  atomic.Uint64
	clientRefs atomic.Int64 // clients that are connected or connecting
}

// Name returns the name, which begins with a slash.
func (n *Namespace) Name() string { return n.name }

// Adapter returns the adapter, which keeps the rooms.
func (n *Namespace) Adapter() Adapter { return n.adapter }

// Sockets returns the sockets on this server.
func (n *Namespace) Sockets() []*Socket { return n.adapter.LocalSockets(&BroadcastOptions{}) }

// Socket returns the socket with an id on this server, nil if there is none.
func (n *Namespace) Socket(id string) *Socket {
	for _, s := range n.adapter.LocalSockets(&BroadcastOptions{Rooms: []string{id}}) {
		if s.id == id {
			return s
		}
	}
	return nil
}

// nextAckID returns an id for an acknowledgement that is unique in the
// namespace.
func (n *Namespace) nextAckID() uint64 { return n.lastAckID.Add(1) - 1 }

// ServerSideEmit sends an event to the OnServerSideEvent handlers of the other
// servers.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	data, err := MakeArgs(append([]any{event}, args...)...)
	if err != nil {
		return err
	}
	return n.adapter.ServerSideEmit(data)
}

// ServerSideEmitWithAck is ServerSideEmit and waits for one answer from each
// of the other servers, for Options.AckTimeout if ctx has no deadline. If it
// returns an error, it also returns the answers so far.
func (n *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	data, err := MakeArgs(append([]any{event}, args...)...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := n.server.withAckTimeout(ctx)
	defer cancel()
	return n.adapter.ServerSideEmitWithAck(ctx, data)
}

// ServerCount returns the number of servers, including this one.
func (n *Namespace) ServerCount(ctx context.Context) (int, error) {
	ctx, cancel := n.server.withAckTimeout(ctx)
	defer cancel()
	return n.adapter.ServerCount(ctx)
}

// ServerSideEvent is called by an adapter with an event from another server,
// starting with its name. answer is nil if the other server does not wait; it
// is called at most once, with one value. The handlers run on the goroutine of
// the caller. Their panics are contained.
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

// withAckTimeout adds the deadline of AckTimeout if ctx has none.
func (s *Server) withAckTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.options.AckTimeout)
}
