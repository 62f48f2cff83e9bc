package socketio

// roomEventKind is the kind of a roomEvent.
type roomEventKind byte

const (
	roomCreated roomEventKind = iota
	roomJoined
	roomLeft
	roomDeleted
)

// roomEvent is a change of a room.
type roomEvent struct {
	kind     roomEventKind
	room, id string
}

// roomHandlers are the handlers of the room events of a namespace, by kind.
type roomHandlers [roomDeleted + 1][]func(room, id string)

func (h *Handlers) onRoomEvent(kind roomEventKind, f func(room, id string)) {
	h.change(func(s *handlerSet) { s.rooms[kind], s.hasRoomHandlers = appended(s.rooms[kind], f), true })
}

// OnCreateRoom is called with each room that gets its first member on this
// server. Sockets' own rooms, named by their ids, are included. Room events
// are delivered in order, right after the change, by one goroutine at a time,
// which may not be the one that made the change.
func (h *Handlers) OnCreateRoom(f func(room string)) {
	h.onRoomEvent(roomCreated, func(room, _ string) { f(room) })
}

// OnJoinRoom is called with the room and the id of each socket that joins a
// room.
func (h *Handlers) OnJoinRoom(f func(room, id string)) { h.onRoomEvent(roomJoined, f) }

// OnLeaveRoom is called with the room and the id of each socket that leaves a
// room.
func (h *Handlers) OnLeaveRoom(f func(room, id string)) { h.onRoomEvent(roomLeft, f) }

// OnDeleteRoom is called with each room whose last member on this server has
// left.
func (h *Handlers) OnDeleteRoom(f func(room string)) {
	h.onRoomEvent(roomDeleted, func(room, _ string) { f(room) })
}

// lock locks the index for a change. unlock also delivers the room events of
// the change.
func (a *MemoryAdapter) lock() {
	a.mu.Lock()
	a.index.onEvent = nil
	if a.ns.load().hasRoomHandlers {
		a.index.onEvent = func(kind roomEventKind, room, id string) {
			a.roomEvents = append(a.roomEvents, roomEvent{kind, room, id})
		}
	}
}

func (a *MemoryAdapter) unlock() {
	if len(a.roomEvents) == 0 || a.delivering {
		a.mu.Unlock() // the delivering goroutine delivers these, too
		return
	}
	a.delivering = true
	a.mu.Unlock()
	a.deliverRoomEvents()
}

// deliverRoomEvents runs handlers until no events are left. A panic in a
// handler is contained. If a handler calls runtime.Goexit, the next change
// delivers the remaining events.
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
			a.ns.server.options.Guard(func() {
				for _, f := range a.ns.load().rooms[c.kind] {
					f(c.room, c.id)
				}
			}, func() {})
		}
	}
}
