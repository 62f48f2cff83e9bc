package hub

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Options configure New. The callbacks may be nil. They are called from the
// goroutines of the broker, one at a time, and must not block.
type Options struct {
	// Broker connects the hub with those of other processes. Nil: there are none.
	Broker Broker
	// OnMessage receives what another hub has published. It is not delivered to
	// members. data is valid until it returns.
	OnMessage func(room, event string, data []byte)
	// OnGap reports that a message of another hub may be missing, so the members
	// of the room need a frame that repairs it.
	OnGap func(room string)
	// OnInterest reports that another process has become interested in a room, or
	// that none is any longer. Publish does nothing without interest.
	OnInterest func(room string, interested bool)
	// OnState reports that the broker is connected (nil) or why it is not.
	OnState func(err error)
}

// Hub holds the rooms of one process. New makes one.
type Hub struct {
	options Options
	peers   peers

	mu    sync.Mutex
	rooms map[string]*room

	members    atomic.Int64
	deliveries atomic.Uint64
}

// New returns a hub without rooms.
func New(o Options) *Hub {
	h := &Hub{options: o, rooms: map[string]*room{}}
	h.peers.init()
	return h
}

// Run runs the broker until ctx ends and returns its error. Without a broker it
// waits for ctx. It must be called once at most.
func (h *Hub) Run(ctx context.Context) error {
	if h.options.Broker == nil {
		<-ctx.Done()
		return nil
	}
	return h.options.Broker.Run(ctx, brokerListener{h})
}

// Join adds m to a room. It delivers the frame that first returns for the current
// seq of the room; the next frame that m receives has the next seq. A member that
// is in the room already only receives that frame. first is called with the room
// locked.
func (h *Hub) Join(name string, m Member, first func(seq uint64) *Frame) {
	for {
		r := h.open(name)
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			continue
		}
		if r.addLocked(m) {
			h.members.Add(1)
		} else {
			r.run++ // later frames must not replace those that m received before this one
		}
		m.Deliver(first(r.seq))
		h.deliveries.Add(1)
		r.mu.Unlock()
		return
	}
}

// open returns the room, which it creates if there is none.
func (h *Hub) open(name string) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[name]
	if r == nil {
		r = &room{name: name, seq: 1}
		h.rooms[name] = r
		if h.options.Broker != nil {
			h.options.Broker.Subscribe(name) // under the lock, to stay in order with Unsubscribe
		}
	}
	return r
}

// Leave removes m from a room. left reports whether it was a member, empty whether
// it was the last one. After Leave has returned, m receives no frame of the room.
func (h *Hub) Leave(name string, m Member) (left, empty bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[name]
	if r == nil {
		return false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if left = r.removeLocked(m); !left {
		return false, false
	}
	h.members.Add(-1)
	if empty = len(r.members) == 0; empty {
		r.closed = true
		delete(h.rooms, name)
		h.peers.forgetRoom(name)
		if h.options.Broker != nil {
			h.options.Broker.Unsubscribe(name)
		}
	}
	return left, empty
}

// Emit delivers data as the next frame of a room to the members in this process
// and returns their number. A newer replaceable frame of the same event may
// replace a replaceable one that still waits. data must not be changed afterwards.
func (h *Hub) Emit(name, event string, data []byte, replaceable bool) int {
	h.mu.Lock()
	r := h.rooms[name]
	h.mu.Unlock()
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.members) == 0 {
		return 0
	}
	r.seq++
	f := &Frame{Room: name, Event: event, Seq: r.seq, Data: data}
	if !replaceable || event != r.last {
		r.run++
	}
	r.last = event
	if replaceable {
		f.Key = r.keyLocked()
	}
	for _, m := range r.members {
		m.Deliver(f)
	}
	h.deliveries.Add(uint64(len(r.members)))
	return len(r.members)
}

// Has reports whether a room has members in this process.
func (h *Hub) Has(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[name] != nil
}

// Rooms lists the rooms that have members in this process.
func (h *Hub) Rooms() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.rooms))
}

// Stats are the figures of a hub.
type Stats struct {
	// Rooms have members in this process. Members counts a member once for each
	// of its rooms.
	Rooms, Members int
	// Deliveries counts frames times members since the start.
	Deliveries uint64
	// Published and Received count messages to and from other hubs, Gaps the
	// detected losses.
	Published, Received, Gaps uint64
}

// Stats returns the present figures.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	rooms := len(h.rooms)
	h.mu.Unlock()
	return Stats{
		Rooms: rooms, Members: int(h.members.Load()), Deliveries: h.deliveries.Load(),
		Published: h.peers.published.Load(), Received: h.peers.received.Load(), Gaps: h.peers.gaps.Load(),
	}
}
