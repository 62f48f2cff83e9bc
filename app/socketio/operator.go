package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Operator selects sockets of a namespace, on all servers, and acts on them.
// It is a value: each method returns a new one, so that a selection can be
// kept and used many times.
type Operator struct {
	ns *Namespace
	o  BroadcastOptions
}

// To adds rooms to those that are selected.
func (o Operator) To(rooms ...string) Operator {
	o.o.Rooms = append(slices.Clip(o.o.Rooms), rooms...)
	return o
}

// In is To.
func (o Operator) In(rooms ...string) Operator { return o.To(rooms...) }

// Except leaves out the members of rooms.
func (o Operator) Except(rooms ...string) Operator {
	o.o.Except = append(slices.Clip(o.o.Except), rooms...)
	return o
}

// Local selects sockets of this server only.
func (o Operator) Local() Operator {
	o.o.Flags.Local = true
	return o
}

// Volatile sends to those only who can take it at once.
func (o Operator) Volatile() Operator {
	o.o.Flags.Volatile = true
	return o
}

// Compress says whether what is sent is worth compressing, for clients that
// negotiated it (engineio.Options.Deflate). Without it it is.
func (o Operator) Compress(on bool) Operator {
	o.o.Flags.NoCompress = !on
	return o
}

// Timeout bounds the wait for acknowledgements.
func (o Operator) Timeout(d time.Duration) Operator {
	o.o.Flags.Timeout = d
	return o
}

// Emit sends an event to the selected sockets. It is encoded once, and does
// not wait: who is too slow for it is dealt with by the Engine.IO session.
// Arguments are encoded as JSON, []byte as binary, also inside of []any and
// map[string]any, and Args as they came.
func (o Operator) Emit(event string, args ...any) error {
	p, err := newEvent(o.ns.name, event, args)
	if err != nil {
		return err
	}
	return o.ns.adapter.Broadcast(p, &o.o)
}

// EmitWithAck is Emit, and waits for the acknowledgement of every selected
// client, of which it returns the first arguments, in the order in which they
// came. It waits until ctx is done, or for Timeout, or for Options.AckTimeout
// if neither says anything; then it returns those that came, and ErrTimeout.
func (o Operator) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	p, err := newEvent(o.ns.name, event, args)
	if err != nil {
		return nil, err
	}
	if o.o.Flags.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.o.Flags.Timeout)
		defer cancel()
	}
	ctx, cancel := o.ns.server.bounded(ctx)
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok {
		o.o.Flags.Timeout = time.Until(deadline)
	}
	ctx, stop := context.WithCancel(ctx) // the adapter forgets when this is over
	defer stop()
	c := collection{complete: make(chan struct{}), servers: -1}
	if err := o.ns.adapter.BroadcastWithAck(ctx, p, &o.o, c.counted, c.answered); err != nil {
		return nil, err
	}
	servers := 1
	if !o.o.Flags.Local {
		if servers, err = o.ns.adapter.ServerCount(ctx); err != nil {
			return c.take(), err
		}
	}
	c.expect(servers)
	select {
	case <-c.complete:
		return c.take(), nil
	case <-ctx.Done():
		return c.take(), timeoutOf(ctx)
	case <-o.ns.server.done:
		return c.take(), ErrClosed
	}
}

// timeoutOf is the error of a wait that ctx has ended.
func timeoutOf(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	return ctx.Err()
}

// collection gathers acknowledgements until all clients of all servers have
// answered.
type collection struct {
	complete chan struct{}

	mu       sync.Mutex
	servers  int // -1 until it is known
	reported int
	clients  int
	answers  []Args
	done     bool
}

func (c *collection) counted(clients int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reported++
	c.clients += clients
	c.checkLocked()
}

func (c *collection) answered(a Args) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, a)
	c.checkLocked()
}

func (c *collection) expect(servers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers = servers
	c.checkLocked()
}

func (c *collection) checkLocked() {
	if !c.done && c.servers >= 0 && c.reported >= c.servers && len(c.answers) >= c.clients {
		c.done = true
		close(c.complete)
	}
}

func (c *collection) take() []Args {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.answers)
}

// FetchSockets describes the selected sockets. It waits for other servers
// until ctx is done, or for Options.AckTimeout if it has no deadline.
func (o Operator) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	ctx, cancel := o.ns.server.bounded(ctx)
	defer cancel()
	details, err := o.ns.adapter.FetchSockets(ctx, &o.o)
	if err != nil {
		return nil, err
	}
	sockets := make([]*RemoteSocket, len(details))
	for i := range details {
		sockets[i] = &RemoteSocket{SocketDetails: details[i], ns: o.ns}
	}
	return sockets, nil
}

// SocketsJoin makes the selected sockets members of rooms.
func (o Operator) SocketsJoin(rooms ...string) error { return o.ns.adapter.SocketsJoin(&o.o, rooms) }

// SocketsLeave ends the membership of the selected sockets in rooms.
func (o Operator) SocketsLeave(rooms ...string) error { return o.ns.adapter.SocketsLeave(&o.o, rooms) }

// DisconnectSockets disconnects the selected sockets from the namespace, and
// closes the clients' connections if asked to.
func (o Operator) DisconnectSockets(closeConnection bool) error {
	return o.ns.adapter.DisconnectSockets(&o.o, closeConnection)
}

// RemoteSocket is a socket as FetchSockets found it, here or on another server.
type RemoteSocket struct {
	SocketDetails
	ns *Namespace
}

// Emit sends an event to the socket.
func (r *RemoteSocket) Emit(event string, args ...any) error {
	return r.ns.To(r.ID).Emit(event, args...)
}

// EmitWithAck is Emit, and waits for the acknowledgement.
func (r *RemoteSocket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	answers, err := r.ns.To(r.ID).EmitWithAck(ctx, event, args...)
	if len(answers) == 0 {
		if err == nil {
			err = ErrDisconnected
		}
		return Args{}, err
	}
	return answers[0], nil
}

// Join makes the socket a member of rooms.
func (r *RemoteSocket) Join(rooms ...string) error { return r.ns.To(r.ID).SocketsJoin(rooms...) }

// Leave ends the socket's membership in rooms.
func (r *RemoteSocket) Leave(rooms ...string) error { return r.ns.To(r.ID).SocketsLeave(rooms...) }

// Disconnect disconnects the socket, and closes its client's connection if
// asked to.
func (r *RemoteSocket) Disconnect(closeConnection bool) error {
	return r.ns.To(r.ID).DisconnectSockets(closeConnection)
}
