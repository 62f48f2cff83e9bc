package hub

import (
	"context"
	"sync"
	"sync/atomic"
)

// Options configure New. The callbacks may be nil. They are called from the
// broker's goroutines, one at a time, and must not block.
type Options struct {
	// Broker joins the hub with those of other processes; nil: it is alone.
	Broker Broker
	// Receive gets what another hub has told. It is not delivered to anybody
	// by itself. data is valid until it returns.
	OnMessage func(room, event string, data []byte)
	// Lost says that something that another hub told may be missing from a
	// room, so that its members need a frame that makes up for it.
	OnGap func(room string)
	// Wanted says that another process has begun to want a room, or that none
	// does any more. Tell does nothing for a room that nobody wants.
	OnInterest func(room string, yes bool)
	// State hears of the broker: nil when it is connected, otherwise why not.
	OnState func(err error)
}

// Hub has the rooms of one process.
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

// Run keeps the hub joined with others until ctx ends. A hub without a broker
// just waits. It is called once at most.
func (h *Hub) Run(ctx context.Context) error {
	if h.options.Broker == nil {
		<-ctx.Done()
		return nil
	}
	return h.options.Broker.Run(ctx, brokerListener{h})
}

// Join adds m to a room and delivers the frame that first makes for the room's
// present seq, before any other and without one missing in between. One who is
// in the room already gets the frame alone. first is called with the room
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
			r.run++ // what waits for m must not be replaced by what comes after this
		}
		m.Deliver(first(r.seq))
		h.deliveries.Add(1)
		r.mu.Unlock()
		return
	}
}

// open returns the room of that name, and makes it if it has to.
func (h *Hub) open(name string) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[name]
	if r == nil {
		r = &room{name: name, seq: 1}
		h.rooms[name] = r
		if h.options.Broker != nil {
			h.options.Broker.Subscribe(name) // with the lock, so that it can't pass an Unsubscribe
		}
	}
	return r
}

// Leave takes m out of a room. empty reports that it was the last one there.
// After it has returned m gets no frame of that room.
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

// Emit makes data the next frame of a room and delivers it to the members in
// this process; without any it does nothing. replaceable lets a newer
// replaceable frame of the same event take its place where it still waits. It
// returns how many members got it. data must not be changed afterwards.
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
	names := make([]string, 0, len(h.rooms))
	for name := range h.rooms {
		names = append(names, name)
	}
	return names
}

// Stats are figures of a hub.
type Stats struct {
	// Rooms have members in this process; Members counts one who is in two
	// rooms twice.
	Rooms, Members int
	// Deliveries counts frames times members since the start.
	Deliveries uint64
	// Told and Heard count the messages to and from other hubs, Gaps how often
	// some were found missing.
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
