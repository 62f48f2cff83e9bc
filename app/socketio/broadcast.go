package socketio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// BroadcastOperator selects sockets of a namespace on all servers and acts on
// them. It is a value: each method returns a new one, so a selection can be
// kept and used repeatedly.
type BroadcastOperator struct {
	ns *Namespace
	o  BroadcastOptions
}

// To adds rooms to the selection.
func (o BroadcastOperator) To(rooms ...string) BroadcastOperator {
	o.o.Rooms = append(slices.Clip(o.o.Rooms), rooms...)
	return o
}

// In is To.
func (o BroadcastOperator) In(rooms ...string) BroadcastOperator { return o.To(rooms...) }

// Except excludes the members of rooms.
func (o BroadcastOperator) Except(rooms ...string) BroadcastOperator {
	o.o.Except = append(slices.Clip(o.o.Except), rooms...)
	return o
}

// Local restricts the selection to this server.
func (o BroadcastOperator) Local() BroadcastOperator {
	o.o.Flags.Local = true
	return o
}

// Volatile skips sockets whose transport cannot send at once.
func (o BroadcastOperator) Volatile() BroadcastOperator {
	o.o.Flags.Volatile = true
	return o
}

// Compress sets whether messages are compressed for clients that negotiated it
// (engineio.Options.Deflate). By default they are.
func (o BroadcastOperator) Compress(on bool) BroadcastOperator {
	o.o.Flags.NoCompress = !on
	return o
}

// Timeout bounds the wait for acknowledgements.
func (o BroadcastOperator) Timeout(d time.Duration) BroadcastOperator {
	o.o.Flags.Timeout = d
	return o
}

// Emit sends an event to the selected sockets. The event is encoded once. Emit
// does not wait: the Engine.IO session closes clients that are too slow.
// Arguments are encoded as JSON, []byte as binary, including within []any and
// map[string]any, and Args unchanged.
func (o BroadcastOperator) Emit(event string, args ...any) error {
	p, err := newEvent(o.ns.name, event, args)
	if err != nil {
		return err
	}
	return o.ns.adapter.Broadcast(p, &o.o)
}

// EmitWithAck is Emit and waits for the acknowledgements of all selected
// clients. It returns the first argument of each, in order of arrival. It
// waits until ctx is done or for Timeout; if neither sets a deadline, for
// Options.AckTimeout. At the deadline it returns the acknowledgements so far
// and ErrTimeout.
func (o BroadcastOperator) EmitWithAck(ctx context.Context, event string, args ...any) ([]Args, error) {
	p, err := newEvent(o.ns.name, event, args)
	if err != nil {
		return nil, err
	}
	if o.o.Flags.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.o.Flags.Timeout)
		defer cancel()
	}
	ctx, cancel := o.ns.server.withAckTimeout(ctx)
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok {
		o.o.Flags.Timeout = time.Until(deadline)
	}
	ctx, stop := context.WithCancel(ctx) // ends the callbacks of the adapter
	defer stop()
	c := ackCollector{complete: make(chan struct{}), servers: -1}
	if err := o.ns.adapter.BroadcastWithAck(ctx, p, &o.o, c.addServer, c.addAck); err != nil {
		return nil, err
	}
	servers := 1
	if !o.o.Flags.Local {
		if servers, err = o.ns.adapter.ServerCount(ctx); err != nil {
			return c.collected(), err
		}
	}
	c.update(func() { c.servers = servers })
	select {
	case <-c.complete:
		return c.collected(), nil
	case <-ctx.Done():
		return c.collected(), waitError(ctx)
	case <-o.ns.server.stopped:
		return c.collected(), ErrClosed
	}
}

// waitError returns the error of a wait that ended with ctx.
func waitError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	return context.Cause(ctx)
}

// ackCollector collects acknowledgements until all clients of all servers have
// answered.
type ackCollector struct {
	complete chan struct{}

	mu       sync.Mutex
	servers  int // -1 until it is known
	reported int
	clients  int
	acks     []Args
	done     bool
}

// update changes the fields by f.
func (c *ackCollector) update(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	if !c.done && c.servers >= 0 && c.reported >= c.servers && len(c.acks) >= c.clients {
		c.done = true
		close(c.complete)
	}
}

func (c *ackCollector) addServer(clients int) {
	c.update(func() { c.reported, c.clients = c.reported+1, c.clients+clients })
}

func (c *ackCollector) addAck(a Args) { c.update(func() { c.acks = append(c.acks, a) }) }

func (c *ackCollector) collected() []Args {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.acks)
}

// FetchSockets describes the selected sockets. It waits for other servers
// until ctx is done; without a deadline, for Options.AckTimeout.
func (o BroadcastOperator) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	ctx, cancel := o.ns.server.withAckTimeout(ctx)
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

// SocketsJoin adds the selected sockets to rooms.
func (o BroadcastOperator) SocketsJoin(rooms ...string) error {
	return o.ns.adapter.SocketsJoin(&o.o, rooms)
}

// SocketsLeave removes the selected sockets from rooms.
func (o BroadcastOperator) SocketsLeave(rooms ...string) error {
	return o.ns.adapter.SocketsLeave(&o.o, rooms)
}

// DisconnectSockets disconnects the selected sockets from the namespace and,
// with closeConnection, closes the connections of their clients.
func (o BroadcastOperator) DisconnectSockets(closeConnection bool) error {
	return o.ns.adapter.DisconnectSockets(&o.o, closeConnection)
}
