package socketio

import "slices"

// room is a set of sockets. Each member knows its index, so leaving needs no
// search.
type room struct {
	name    string
	members []*Socket
}

// membership is the index of a socket in a room.
type membership struct {
	room  *room
	index int32
}

// roomIndex holds the sockets of a namespace on this server, and their rooms.
// A socket's own room has no entry: it is found by its id. The mutex of the
// adapter guards the index and the fields position, inOwnRoom, rooms and
// selectionMark of the sockets.
type roomIndex struct {
	all       room
	ids       map[string]*Socket
	rooms     map[string]*room
	selection uint64 // the current selection mark
	// onEvent is called with each room event; nil if there are no handlers.
	onEvent func(kind roomEventKind, room, id string)
}

func (x *roomIndex) emitEvent(kind roomEventKind, room, id string) {
	if x.onEvent != nil {
		x.onEvent(kind, room, id)
	}
}

func (x *roomIndex) add(s *Socket) {
	if x.ids == nil {
		x.ids, x.rooms = map[string]*Socket{}, map[string]*room{}
	}
	s.position = int32(len(x.all.members)) + 1
	x.all.members = append(x.all.members, s)
	x.ids[s.id] = s
	x.join(s, s.id)
}

func (x *roomIndex) has(s *Socket) bool { return s.position != 0 }

func (x *roomIndex) join(s *Socket, names ...string) {
	for _, name := range names {
		own := name == s.id
		if own && s.inOwnRoom || s.membershipIn(name) >= 0 {
			continue
		}
		r := x.rooms[name]
		if r == nil && !x.isOwnRoom(name) {
			x.emitEvent(roomCreated, name, "")
		}
		if own {
			s.inOwnRoom = true
		} else {
			if r == nil {
				r = &room{name: name}
				x.rooms[name] = r
			}
			s.rooms = append(s.rooms, membership{room: r, index: int32(len(r.members))})
			r.members = append(r.members, s)
		}
		x.emitEvent(roomJoined, name, s.id)
	}
}

// membershipIn returns the index in rooms of the room with a name, -1 if the
// socket is not in it.
func (s *Socket) membershipIn(name string) int {
	return slices.IndexFunc(s.rooms, func(m membership) bool { return m.room.name == name })
}

// isOwnRoom reports whether name is the own room of a socket that is in it.
func (x *roomIndex) isOwnRoom(name string) bool {
	s := x.ids[name]
	return s != nil && s.inOwnRoom
}

func (x *roomIndex) leave(s *Socket, names ...string) {
	for _, name := range names {
		if name == s.id && s.inOwnRoom {
			s.inOwnRoom = false
			x.emitLeft(name, s)
		} else if i := s.membershipIn(name); i >= 0 {
			x.removeMember(s.rooms[i], s)
			s.rooms = slices.Delete(s.rooms, i, i+1)
		}
	}
}

// emitLeft reports that s has left a room, and the end of the room if it is
// empty.
func (x *roomIndex) emitLeft(name string, s *Socket) {
	x.emitEvent(roomLeft, name, s.id)
	if x.rooms[name] == nil && !x.isOwnRoom(name) {
		x.emitEvent(roomDeleted, name, "")
	}
}

// removeMember removes s from the room of m. The last member of the room takes
// its index.
func (x *roomIndex) removeMember(m membership, s *Socket) {
	members := m.room.members
	last := len(members) - 1
	if moved := members[last]; int(m.index) != last {
		members[m.index] = moved
		moved.rooms[moved.membershipIn(m.room.name)].index = m.index
	}
	members[last] = nil
	m.room.members = shrink(members[:last])
	if last == 0 {
		delete(x.rooms, m.room.name)
	}
	x.emitLeft(m.room.name, s)
}

// shrink reallocates a slice of which three quarters are unused.
func shrink(members []*Socket) []*Socket {
	if c := cap(members); c > 64 && len(members) < c/4 {
		return append(make([]*Socket, 0, c/2), members...)
	}
	return members
}

func (x *roomIndex) remove(s *Socket) []string {
	names := x.roomsOf(s)
	for _, m := range s.rooms {
		x.removeMember(m, s)
	}
	s.rooms = nil
	x.leave(s, s.id)
	at, last := s.position-1, len(x.all.members)-1
	moved := x.all.members[last]
	x.all.members[at] = moved
	moved.position = at + 1
	x.all.members[last] = nil
	x.all.members = shrink(x.all.members[:last])
	s.position = 0
	delete(x.ids, s.id)
	return names
}

// roomsOf returns the rooms of a socket, its own first.
func (x *roomIndex) roomsOf(s *Socket) []string {
	names := make([]string, 0, len(s.rooms)+1)
	if s.inOwnRoom {
		names = append(names, s.id)
	}
	for _, m := range s.rooms {
		names = append(names, m.room.name)
	}
	return names
}

// selected appends the sockets that o selects, each once.
func (x *roomIndex) selected(to []*Socket, o *BroadcastOptions) []*Socket {
	if len(o.Rooms) == 0 && len(o.Except) == 0 {
		return append(to, x.all.members...)
	}
	if len(o.Rooms) == 1 && len(o.Except) == 0 && x.ids[o.Rooms[0]] == nil {
		if r := x.rooms[o.Rooms[0]]; r != nil {
			to = append(to, r.members...)
		}
		return to
	}
	// Sockets that are excluded or already selected have the mark of this
	// selection.
	x.selection++
	for _, name := range o.Except {
		x.eachMember(name, func(s *Socket) { s.selectionMark = x.selection })
	}
	add := func(s *Socket) {
		if s.selectionMark != x.selection {
			s.selectionMark = x.selection
			to = append(to, s)
		}
	}
	if len(o.Rooms) == 0 {
		for _, s := range x.all.members {
			add(s)
		}
	}
	for _, name := range o.Rooms {
		x.eachMember(name, add)
	}
	return to
}

// eachMember calls f with the members of a room.
func (x *roomIndex) eachMember(name string, f func(*Socket)) {
	if x.isOwnRoom(name) {
		f(x.ids[name])
	}
	if r := x.rooms[name]; r != nil {
		for _, s := range r.members {
			f(s)
		}
	}
}
