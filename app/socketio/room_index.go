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

func (x *roomIndex) join(s *Socket, name string) {
	if name == s.id {
		if !s.inOwnRoom {
			if x.rooms[name] == nil {
				x.emitEvent(roomCreated, name, "")
			}
			x.emitEvent(roomJoined, name, s.id)
		}
		s.inOwnRoom = true
		return
	}
	for _, m := range s.rooms {
		if m.room.name == name {
			return
		}
	}
	r := x.rooms[name]
	if r == nil {
		r = &room{name: name}
		x.rooms[name] = r
		if !x.isOwnRoom(name) {
			x.emitEvent(roomCreated, name, "")
		}
	}
	s.rooms = append(s.rooms, membership{room: r, index: int32(len(r.members))})
	r.members = append(r.members, s)
	x.emitEvent(roomJoined, name, s.id)
}

// isOwnRoom reports whether name is the own room of a socket that is in it.
func (x *roomIndex) isOwnRoom(name string) bool {
	s := x.ids[name]
	return s != nil && s.inOwnRoom
}

func (x *roomIndex) leave(s *Socket, name string) {
	if name == s.id {
		if !s.inOwnRoom {
			return
		}
		s.inOwnRoom = false
		x.emitEvent(roomLeft, name, s.id)
		if x.rooms[name] == nil {
			x.emitEvent(roomDeleted, name, "")
		}
		return
	}
	for i, m := range s.rooms {
		if m.room.name == name {
			x.removeMember(m, s)
			s.rooms = slices.Delete(s.rooms, i, i+1)
			return
		}
	}
}

// removeMember removes s from the room of m. The last member of the room takes
// its index.
func (x *roomIndex) removeMember(m membership, s *Socket) {
	members := m.room.members
	last := len(members) - 1
	if moved := members[last]; int(m.index) != last {
		members[m.index] = moved
		for i := range moved.rooms {
			if moved.rooms[i].room == m.room {
				moved.rooms[i].index = m.index
				break
			}
		}
	}
	members[last] = nil
	m.room.members = shrink(members[:last])
	x.emitEvent(roomLeft, m.room.name, s.id)
	if last == 0 {
		delete(x.rooms, m.room.name)
		if !x.isOwnRoom(m.room.name) {
			x.emitEvent(roomDeleted, m.room.name, "")
		}
	}
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
	if len(o.Rooms) == 1 && len(o.Except) == 0 {
		name := o.Rooms[0]
		if s := x.ids[name]; s != nil {
			return x.selectUnion(to, o)
		}
		if r := x.rooms[name]; r != nil {
			return append(to, r.members...)
		}
		return to
	}
	if len(o.Rooms) == 0 && len(o.Except) == 0 {
		return append(to, x.all.members...)
	}
	return x.selectUnion(to, o)
}

// selectUnion is selected for several rooms or exclusions. Sockets that are
// excluded or already selected have the mark of this selection.
func (x *roomIndex) selectUnion(to []*Socket, o *BroadcastOptions) []*Socket {
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
	if s := x.ids[name]; s != nil && s.inOwnRoom {
		f(s)
	}
	if r := x.rooms[name]; r != nil {
		for _, s := range r.members {
			f(s)
		}
	}
}
