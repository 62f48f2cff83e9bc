package live

import (
	"context"
	"fmt"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
)

// subscribe adds the session to all of the rooms, or to none if it returns a
// fault. It calls ok when nothing can fail any more, before the first snapshot is
// sent. It waits for the store if a room must be loaded.
func (c *session) subscribe(ctx context.Context, names []string, ok func()) *Fault {
	if fault := c.authorize(access.Read); fault != nil {
		return fault
	}
	rooms, fault := c.parseRooms(names)
	if fault != nil {
		return fault
	}
	acquired := 0
	defer func() { c.srv.releaseRooms(rooms[:acquired]) }() // also after a panic
	for _, room := range rooms {
		if err := c.srv.acquireRoom(ctx, room); err != nil {
			fault := faultOf(err)
			fault.Room = room.name
			return fault
		}
		acquired++
	}
	ok()
	acquired = 0 // the session releases them now
	for _, room := range rooms {
		c.joinRoom(room.name)
	}
	return nil
}

// checkRoomsGiven returns a fault if a request has no rooms.
func checkRoomsGiven(names []string) *Fault {
	switch {
	case names == nil:
		return &Fault{Kind: kindInvalid, Detail: `rooms is missing: want a list like ["all"]`}
	case len(names) == 0:
		return &Fault{Kind: kindInvalid, Detail: "rooms is empty"}
	}
	return nil
}

// parseRooms parses the names, drops duplicates and checks the number of rooms.
func (c *session) parseRooms(names []string) ([]room, *Fault) {
	if fault := checkRoomsGiven(names); fault != nil {
		return nil, fault
	}
	seen := map[string]bool{}
	var rooms []room
	for _, name := range names {
		room, err := parseRoom(name)
		if err != nil {
			return nil, &Fault{Kind: kindInvalid, Detail: detailOf(err), Room: clip(name)}
		}
		if !seen[name] {
			seen[name] = true
			rooms = append(rooms, room)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	total := len(c.rooms)
	for name := range seen {
		if _, joined := c.rooms[name]; !joined {
			total++
		}
	}
	if limit := c.srv.options.MaxRooms; total > limit {
		return nil, &Fault{Kind: kindInvalid, Detail: fmt.Sprintf("a session may have %d rooms; this request would make it %d", limit, total)}
	}
	return rooms, nil
}

// joinRoom adds the session to a room that it has acquired.
func (c *session) joinRoom(name string) {
	c.mu.Lock()
	_, joined := c.rooms[name]
	if c.closed {
		c.mu.Unlock()
		c.srv.releaseRoom(name)
		return
	}
	if c.rooms == nil {
		c.rooms = map[string]struct{}{}
	}
	c.rooms[name] = struct{}{}
	c.mu.Unlock()
	if !joined {
		c.account.Charge(roomCost(name))
	}

	c.srv.subscribe(c.member, name)
	if joined {
		c.srv.releaseRoom(name) // a session holds each room once
	}
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed { // reap may have left the room before the session joined it
		c.srv.hub.Leave(name, c.member)
	}
}

// unsubscribe removes the session from rooms. It ignores rooms that the session is
// not in, and removes none if a name is invalid.
func (c *session) unsubscribe(names []string) *Fault {
	if fault := checkRoomsGiven(names); fault != nil {
		return fault
	}
	for _, name := range names {
		if _, err := parseRoom(name); err != nil {
			return &Fault{Kind: kindInvalid, Detail: detailOf(err), Room: clip(name)}
		}
	}
	for _, name := range names {
		c.mu.Lock()
		_, joined := c.rooms[name]
		delete(c.rooms, name)
		c.mu.Unlock()
		if joined {
			c.account.Charge(-roomCost(name))
			c.srv.hub.Leave(name, c.member)
			c.srv.releaseRoom(name)
		}
	}
	return nil
}

// subscribe delivers the snapshot of an acquired room to m, and every later event.
// A member of the room only receives the snapshot.
func (s *Server) subscribe(m hub.Member, name string) {
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	state := s.rooms[name]
	if state == nil || s.closed {
		return
	}
	s.hub.Join(name, m, func(seq uint64) *hub.Frame { return s.snapshotLocked(state, seq) })
}
