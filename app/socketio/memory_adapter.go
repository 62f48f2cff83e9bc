package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MemoryAdapter is the adapter of a single server. Other adapters embed it for
// their own sockets. Its methods stay within the process, regardless of the
// flags.
type MemoryAdapter struct {
	ns       *Namespace
	recovery *recoveryLog // nil without connection state recovery
	// ordered makes giving an event its offset and queueing it for the receivers one
	// step: a client that received a later event first would recover from there. It
	// is locked before mu.
	ordered sync.Mutex

	mu     sync.Mutex
	index  roomIndex
	closed bool
	// roomEvents are not delivered yet; delivering is set while a goroutine
	// delivers.
	roomEvents []roomEvent
	delivering bool
}

var _ Adapter = (*MemoryAdapter)(nil)

// NewMemoryAdapter returns an adapter for a namespace whose sockets are all on
// this server.
func NewMemoryAdapter(ns *Namespace) *MemoryAdapter {
	return &MemoryAdapter{ns: ns, recovery: newRecoveryLog(ns.server.options.Recovery, ns.server.options.now)}
}

// Namespace returns the namespace of the adapter.
func (a *MemoryAdapter) Namespace() *Namespace { return a.ns }

// Connect is described at Adapter.
func (a *MemoryAdapter) Connect(s *Socket, rooms []string, welcome func([]*Packet) error) error {
	a.lock()
	defer a.unlock()
	if a.closed {
		return ErrClosed
	}
	var missed []*Packet
	if a.recovery != nil && s.restored != nil {
		var complete bool
		if missed, complete = a.recovery.since(s.restored); !complete {
			return errors.New("socketio: missed events are no longer stored")
		}
	}
	if err := welcome(missed); err != nil {
		return err
	}
	a.index.add(s)
	a.index.join(s, rooms...)
	return nil
}

// Join is described at Adapter.
func (a *MemoryAdapter) Join(s *Socket, rooms ...string) {
	a.lock()
	defer a.unlock()
	if a.index.has(s) {
		a.index.join(s, rooms...)
	}
}

// Leave is described at Adapter.
func (a *MemoryAdapter) Leave(s *Socket, rooms ...string) {
	a.lock()
	defer a.unlock()
	a.index.leave(s, rooms...)
}

// Remove is described at Adapter.
func (a *MemoryAdapter) Remove(s *Socket) []string {
	a.lock()
	defer a.unlock()
	if !a.index.has(s) {
		return nil
	}
	return a.index.remove(s)
}

// Rooms is described at Adapter.
func (a *MemoryAdapter) Rooms(s *Socket) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.index.roomsOf(s)
}

// LocalRooms is described at Adapter.
func (a *MemoryAdapter) LocalRooms() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := make([]string, 0, len(a.index.ids)+len(a.index.rooms))
	for id, s := range a.index.ids {
		if s.inOwnRoom {
			names = append(names, id)
		}
	}
	for name := range a.index.rooms {
		if !a.index.isOwnRoom(name) {
			names = append(names, name)
		}
	}
	return names
}

// HasRoom is described at Adapter.
func (a *MemoryAdapter) HasRoom(room string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.index.isOwnRoom(room) || a.index.rooms[room] != nil
}

// Wants reports whether this server needs an event for the room: the room has
// a member, or connection state recovery stores events.
func (a *MemoryAdapter) Wants(room string) bool { return a.recovery != nil || a.HasRoom(room) }

// RecoveryWindow returns how long a disconnected client may recover missed events,
// zero without connection state recovery.
func (a *MemoryAdapter) RecoveryWindow() time.Duration {
	if a.recovery == nil {
		return 0
	}
	return a.recovery.limits.MaxDisconnectionDuration
}

// LocalSockets is described at Adapter.
func (a *MemoryAdapter) LocalSockets(o *BroadcastOptions) []*Socket {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.index.selected(nil, o)
}

// socketLists pools copies of member lists, so that the mutex is not held
// while sockets are written to.
var socketLists = sync.Pool{New: func() any { return new([]*Socket) }}

func releaseSocketList(list *[]*Socket) {
	clear(*list)
	*list = (*list)[:0]
	socketLists.Put(list)
}

// Broadcast is described at Adapter. It encodes p once. A disconnected or slow
// client is not an error.
func (a *MemoryAdapter) Broadcast(p *Packet, o *BroadcastOptions) error {
	list := socketLists.Get().(*[]*Socket)
	defer releaseSocketList(list)
	if err := a.send(p, o, list); err != nil {
		return err
	}
	for _, s := range *list {
		if s.hasOutgoingHandlers() { // which may send more
			s.runOutgoingHandlers(p) // without the offset of the recovery log
		}
	}
	return nil
}

// send queues a packet for the selected sockets, which it appends to list.
func (a *MemoryAdapter) send(p *Packet, o *BroadcastOptions, list *[]*Socket) error {
	stored := a.recovery != nil && p.Type == PacketEvent && !p.HasID && !o.Flags.Volatile
	if stored {
		a.ordered.Lock()
		defer a.ordered.Unlock()
	}
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return ErrClosed
	}
	if stored {
		p = a.recovery.add(p, o)
	}
	*list = a.index.selected(*list, o)
	a.mu.Unlock()
	if len(*list) == 0 {
		return nil
	}
	frames := encodePacket(p).compress(!o.Flags.NoCompress)
	for _, s := range *list {
		_ = s.sendEncoded(frames, o.Flags.Volatile)
	}
	return nil
}

// BroadcastWithAck is described at Adapter.
func (a *MemoryAdapter) BroadcastWithAck(ctx context.Context, p *Packet, o *BroadcastOptions, counted func(int), answered func(Args)) error {
	a.mu.Lock()
	closed, asking := a.closed, a.index.selected(nil, o)
	a.mu.Unlock()
	if closed {
		return ErrClosed
	}
	asked := *p
	asked.ID, asked.HasID = a.ns.nextAckID(), true
	frames := encodePacket(&asked).compress(!o.Flags.NoCompress)
	var waiting atomic.Bool
	waiting.Store(true)
	answer := func(args Args, err error) {
		if err == nil && waiting.Load() {
			answered(args.At(0, 1).Clone())
		}
	}
	asking = slices.DeleteFunc(asking, func(s *Socket) bool { return !s.registerAck(asked.ID, answer) })
	// Like the reference implementation, the caller also waits for clients that
	// disconnect before they answer.
	counted(len(asking))
	for _, s := range asking {
		if s.hasOutgoingHandlers() {
			s.runOutgoingHandlers(p)
		}
		_ = s.sendEncoded(frames, o.Flags.Volatile)
	}
	context.AfterFunc(ctx, func() {
		waiting.Store(false)
		for _, s := range asking {
			s.unregisterAck(asked.ID)
		}
	})
	return nil
}

// FetchSockets is described at Adapter.
func (a *MemoryAdapter) FetchSockets(_ context.Context, o *BroadcastOptions) ([]SocketDetails, error) {
	details := []SocketDetails{}
	for _, s := range a.LocalSockets(o) {
		details = append(details, s.details())
	}
	return details, nil
}

// SocketsJoin is described at Adapter.
func (a *MemoryAdapter) SocketsJoin(o *BroadcastOptions, rooms []string) error {
	a.lock()
	defer a.unlock()
	if a.closed {
		return ErrClosed
	}
	for _, s := range a.index.selected(nil, o) {
		a.index.join(s, rooms...)
	}
	return nil
}

// SocketsLeave is described at Adapter.
func (a *MemoryAdapter) SocketsLeave(o *BroadcastOptions, rooms []string) error {
	a.lock()
	defer a.unlock()
	if a.closed {
		return ErrClosed
	}
	for _, s := range a.index.selected(nil, o) {
		a.index.leave(s, rooms...)
	}
	return nil
}

// DisconnectSockets is described at Adapter.
func (a *MemoryAdapter) DisconnectSockets(o *BroadcastOptions, closeConnection bool) error {
	for _, s := range a.LocalSockets(o) {
		s.Disconnect(closeConnection)
	}
	return nil
}

// ServerSideEmit does nothing: there are no other servers.
func (a *MemoryAdapter) ServerSideEmit(Args) error { return nil }

// ServerSideEmitWithAck returns no answers: there are no other servers.
func (a *MemoryAdapter) ServerSideEmitWithAck(context.Context, Args) ([]Args, error) {
	return nil, nil
}

// ServerCount returns 1.
func (a *MemoryAdapter) ServerCount(context.Context) (int, error) { return 1, nil }

// PersistSession is described at Adapter.
func (a *MemoryAdapter) PersistSession(s *Session) {
	if a.recovery == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.recovery.persist(s)
	}
}

// RestoreSession is described at Adapter.
func (a *MemoryAdapter) RestoreSession(_ context.Context, pid, offset string) (*Session, error) {
	if a.recovery == nil {
		return nil, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.recovery.restore(pid, offset), nil
}

// Close is described at Adapter.
func (a *MemoryAdapter) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return nil
}

// details describes s to other servers.
func (s *Socket) details() SocketDetails {
	h := s.Handshake()
	h.Auth = withoutResumption(h.Auth)
	handshake, err := json.Marshal(h)
	if err != nil {
		handshake = json.RawMessage("{}")
	}
	data, err := json.Marshal(s.Data())
	if err != nil {
		data = json.RawMessage("{}")
	}
	return SocketDetails{ID: s.ID(), Handshake: handshake, Rooms: s.Rooms(), Data: data}
}
