package socketio

// roomEventKind is what happens to a room.
type roomEventKind byte

const (
	roomCreated roomEventKind = iota
	roomJoined
	roomLeft
	roomDeleted
)

// roomEvent is one that nobody has been told of yet.
type roomEvent struct {
	kind     roomEventKind
	room, id string
}

// roomHandlers are told of what happens to the rooms of a namespace.
type roomHandlers struct {
	created, deleted []func(room string)
	joined, left     []func(room, id string)
	registered       bool
}

// OnCreateRoom is called with each room that gets its first member on this
// server. A socket's own room, named by its id, is a room like any other here.
// What happens to rooms is told in its order, right after it has happened, and
// by one goroutine at a time, which may be another than the one that did it.
func (h *Handlers) OnCreateRoom(f func(room string)) {
	h.change(func(s *handlerSet) { s.rooms.created, s.rooms.registered = appended(s.rooms.created, f), true })
}

// OnJoinRoom is called with the id of each socket that joins a room.
func (h *Handlers) OnJoinRoom(f func(room, id string)) {
	h.change(func(s *handlerSet) { s.rooms.joined, s.rooms.registered = appended(s.rooms.joined, f), true })
}

// OnLeaveRoom is called with the id of each socket that leaves a room.
func (h *Handlers) OnLeaveRoom(f func(room, id string)) {
	h.change(func(s *handlerSet) { s.rooms.left, s.rooms.registered = appended(s.rooms.left, f), true })
}

// OnDeleteRoom is called with each room that loses its last member.
func (h *Handlers) OnDeleteRoom(f func(room string)) {
	h.change(func(s *handlerSet) { s.rooms.deleted, s.rooms.registered = appended(s.rooms.deleted, f), true })
}

func (h *roomHandlers) run(c roomEvent) {
	switch c.kind {
	case roomCreated, roomDeleted:
		list := h.created
		if c.kind == roomDeleted {
			list = h.deleted
		}
		for _, f := range list {
			f(c.room)
		}
	case roomJoined, roomLeft:
		list := h.joined
		if c.kind == roomLeft {
			list = h.left
		}
		for _, f := range list {
			f(c.room, c.id)
		}
	}
}

// lock begins a change of the index, and unlock ends it.
func (a *MemoryAdapter) lock() {
	a.mu.Lock()
	a.index.onEvent = nil
	if a.ns.load().rooms.registered {
		a.index.onEvent = func(kind roomEventKind, room, id string) {
			a.roomEvents = append(a.roomEvents, roomEvent{kind, room, id})
		}
	}
}

func (a *MemoryAdapter) unlock() {
	if len(a.roomEvents) == 0 || a.delivering {
		a.mu.Unlock() // whoever is telling tells these, too
		return
	}
	a.delivering = true
	a.mu.Unlock()
	a.deliverRoomEvents()
}

// deliverRoomEvents tells of changes until there are no more. A panic in a handler is
// contained; after runtime.Goexit the next change tells of what is left.
func (a *MemoryAdapter) deliverRoomEvents() {
	returned := false
	defer func() {
		if !returned {
			a.mu.Lock()
			a.delivering = false
			a.mu.Unlock()
		}
	}()
	for {
		a.mu.Lock()
		changes := a.roomEvents
		a.roomEvents = nil
		a.delivering = len(changes) > 0
		a.mu.Unlock()
		if len(changes) == 0 {
			returned = true
			return
		}
		for _, c := range changes {
			a.ns.server.options.Guard(func() { a.ns.load().rooms.run(c) }, func() {})
		}
	}
}
