package socketio

import "slices"

// room is a set of sockets. A member knows its place in it, so that leaving
// costs no search.
type room struct {
	name    string
	members []*Socket
}

// membership is a socket's place in a room.
type membership struct {
	room *room
	at   int32
}

// roomIndex holds the sockets of a namespace on this server and their rooms.
// A socket's own room needs no entry: it is found by its id. It is guarded by
// the adapter's mutex, and so are the fields place, own, rooms and mark of its
// sockets.
type roomIndex struct {
	all   room
	ids   map[string]*Socket
	rooms map[string]*room
	pass  uint64 // tells the marks of one selection from those of the last
	// note is told of changes; nil if nobody wants to know.
	note func(kind changeOf, room, id string)
}

func (x *roomIndex) noted(kind changeOf, room, id string) {
	if x.note != nil {
		x.note(kind, room, id)
	}
}

func (x *roomIndex) add(s *Socket) {
	if x.ids == nil {
		x.ids, x.rooms = map[string]*Socket{}, map[string]*room{}
	}
	s.place = int32(len(x.all.members)) + 1
	x.all.members = append(x.all.members, s)
	x.ids[s.id] = s
	x.join(s, s.id)
}

func (x *roomIndex) has(s *Socket) bool { return s.place != 0 }

func (x *roomIndex) join(s *Socket, name string) {
	if name == s.id {
		if !s.own {
			if x.rooms[name] == nil {
				x.noted(roomCreated, name, "")
			}
			x.noted(roomJoined, name, s.id)
		}
		s.own = true
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
		if !x.owned(name) {
			x.noted(roomCreated, name, "")
		}
	}
	s.rooms = append(s.rooms, membership{room: r, at: int32(len(r.members))})
	r.members = append(r.members, s)
	x.noted(roomJoined, name, s.id)
}

// owned reports whether the room is a socket's own, which that is in.
func (x *roomIndex) owned(name string) bool {
	s := x.ids[name]
	return s != nil && s.own
}

func (x *roomIndex) leave(s *Socket, name string) {
	if name == s.id {
		if !s.own {
			return
		}
		s.own = false
		x.noted(roomLeft, name, s.id)
		if x.rooms[name] == nil {
			x.noted(roomDeleted, name, "")
		}
		return
	}
	for i, m := range s.rooms {
		if m.room.name == name {
			x.take(m, s)
			s.rooms = slices.Delete(s.rooms, i, i+1)
			return
		}
	}
}

// take removes s, whose place is m; the room's last member takes it.
func (x *roomIndex) take(m membership, s *Socket) {
	members := m.room.members
	last := len(members) - 1
	if moved := members[last]; int(m.at) != last {
		members[m.at] = moved
		for i := range moved.rooms {
			if moved.rooms[i].room == m.room {
				moved.rooms[i].at = m.at
				break
			}
		}
	}
	members[last] = nil
	m.room.members = shrunk(members[:last])
	x.noted(roomLeft, m.room.name, s.id)
	if last == 0 {
		delete(x.rooms, m.room.name)
		if !x.owned(m.room.name) {
			x.noted(roomDeleted, m.room.name, "")
		}
	}
}

// shrunk gives memory back once three quarters of it are unused.
func shrunk(members []*Socket) []*Socket {
	if c := cap(members); c > 64 && len(members) < c/4 {
		return append(make([]*Socket, 0, c/2), members...)
	}
	return members
}

func (x *roomIndex) remove(s *Socket) []string {
	names := x.of(s)
	for _, m := range s.rooms {
		x.take(m, s)
	}
	s.rooms = nil
	x.leave(s, s.id)
	at, last := s.place-1, len(x.all.members)-1
	moved := x.all.members[last]
	x.all.members[at] = moved
	moved.place = at + 1
	x.all.members[last] = nil
	x.all.members = shrunk(x.all.members[:last])
	s.place = 0
	delete(x.ids, s.id)
	return names
}

// of returns the rooms of a socket.
func (x *roomIndex) of(s *Socket) []string {
	names := make([]string, 0, len(s.rooms)+1)
	if s.own {
		names = append(names, s.id)
	}
	for _, m := range s.rooms {
		names = append(names, m.room.name)
	}
	return names
}

// members appends those that o selects, each once.
func (x *roomIndex) members(to []*Socket, o *BroadcastOptions) []*Socket {
	if len(o.Rooms) == 1 && len(o.Except) == 0 {
		name := o.Rooms[0]
		if s := x.ids[name]; s != nil {
			return x.union(to, o)
		}
		if r := x.rooms[name]; r != nil {
			return append(to, r.members...)
		}
		return to
	}
	if len(o.Rooms) == 0 && len(o.Except) == 0 {
		return append(to, x.all.members...)
	}
	return x.union(to, o)
}

// union is members by marks: who bears this pass's mark is left out.
func (x *roomIndex) union(to []*Socket, o *BroadcastOptions) []*Socket {
	x.pass++
	for _, name := range o.Except {
		x.each(name, func(s *Socket) { s.mark = x.pass })
	}
	take := func(s *Socket) {
		if s.mark != x.pass {
			s.mark = x.pass
			to = append(to, s)
		}
	}
	if len(o.Rooms) == 0 {
		for _, s := range x.all.members {
			take(s)
		}
	}
	for _, name := range o.Rooms {
		x.each(name, take)
	}
	return to
}

// each calls f with the members of a room.
func (x *roomIndex) each(name string, f func(*Socket)) {
	if s := x.ids[name]; s != nil && s.own {
		f(s)
	}
	if r := x.rooms[name]; r != nil {
		for _, s := range r.members {
			f(s)
		}
	}
}
