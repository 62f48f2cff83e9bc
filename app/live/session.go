package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live/hub"
)

// client is what the transports have in common: a session with its rooms.
type session struct {
	srv       *Server
	member    hub.Member
	principal access.Principal
	lease     *lease // nil before it has a place

	mu     sync.Mutex
	rooms  map[string]struct{} // nil until there is one
	closed bool
}

// Fault is what a client is told about a request that failed.
type Fault struct {
	// Kind is a word for programs; see the constants.
	Kind   string `json:"kind"`
	Detail string `json:"detail"`
	// Room is the one that the fault is about, if it is about one.
	Room string `json:"room,omitempty"`
}

// The kinds of fault.
const (
	kindInvalid      = "invalid"
	kindNotFound     = "not_found"
	kindForbidden    = "forbidden"
	kindUnauthorized = "unauthorized"
	kindOverloaded   = "overloaded"
	kindUnavailable  = "unavailable"
	kindInternal     = "internal"
)

// faultOf is the table from an error to what the client is told.
func faultOf(err error) *Fault {
	switch {
	case errors.Is(err, factory.ErrInvalid):
		return &Fault{Kind: kindInvalid, Detail: detailOf(err)}
	case errors.Is(err, factory.ErrNotFound):
		return &Fault{Kind: kindNotFound, Detail: err.Error()}
	case errors.Is(err, factory.ErrOverloaded):
		return &Fault{Kind: kindOverloaded, Detail: "the store's queue is full; nothing was taken"}
	case errors.Is(err, factory.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return &Fault{Kind: kindUnavailable, Detail: "the store can't do this now; nothing was acknowledged"}
	}
	return &Fault{Kind: kindInternal, Detail: "something went wrong here"}
}

// detailOf is a domain error without its kind.
func detailOf(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+factory.ErrInvalid.Error())
}

// may reports whether the session's key allows an action.
func (c *session) authorize(a access.Action) *Fault {
	if c.srv.options.Keys.Unrestricted() || c.principal.Role.Allows(a) {
		return nil
	}
	return &Fault{Kind: kindForbidden, Detail: "key " + c.principal.Name + " has the role " + c.principal.Role.String() + ", which may not " + a.String()}
}

// limit refuses a request where too many come.
func (c *session) checkRate() *Fault {
	if limit := c.srv.options.CheckRate; limit != nil {
		if detail := limit(Caller{Addr: c.lease.address, Principal: c.principal}); detail != "" {
			return &Fault{Kind: kindOverloaded, Detail: detail}
		}
	}
	return nil
}

// subscribe joins rooms, all or none: one bad name refuses the request. ok is
// called once it is sure to succeed, before the first snapshot.
func (c *session) subscribe(ctx context.Context, names []string, ok func()) *Fault {
	if fault := c.authorize(access.Read); fault != nil {
		return fault
	}
	rooms, fault := c.parseRooms(names)
	if fault != nil {
		return fault
	}
	entered := 0
	defer func() { // after a panic, too
		for _, room := range rooms[:entered] {
			c.srv.releaseRoom(room.name)
		}
	}()
	for _, room := range rooms {
		if err := c.srv.acquireRoom(ctx, room); err != nil {
			fault := faultOf(err)
			fault.Room = room.name
			return fault
		}
		entered++
	}
	ok()
	entered = 0 // from here on the places are the session's
	for _, room := range rooms {
		c.joinRoom(room.name)
	}
	return nil
}

// check takes the names of rooms apart and holds them against the limit.
func (c *session) parseRooms(names []string) ([]room, *Fault) {
	if len(names) == 0 {
		return nil, &Fault{Kind: kindInvalid, Detail: "rooms is empty"}
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
		if _, has := c.rooms[name]; !has {
			total++
		}
	}
	if most := c.srv.options.MaxRooms; total > most {
		return nil, &Fault{Kind: kindInvalid, Detail: fmt.Sprintf("a session may have %d rooms, these would make it %d", most, total)}
	}
	return rooms, nil
}

// add joins a room that was entered.
func (c *session) joinRoom(name string) {
	c.mu.Lock()
	_, has := c.rooms[name]
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

	c.srv.subscribe(c.member, name)
	if has {
		c.srv.releaseRoom(name) // it counts once
	}
	c.mu.Lock()
	gone := c.closed
	c.mu.Unlock()
	if gone { // since then; it may have left the room before it joined
		c.srv.hub.Leave(name, c.member)
	}
}

// unsubscribe leaves rooms. One that it is not in is left already.
func (c *session) unsubscribe(names []string) *Fault {
	for _, name := range names {
		if _, err := parseRoom(name); err != nil {
			return &Fault{Kind: kindInvalid, Detail: detailOf(err), Room: clip(name)}
		}
	}
	for _, name := range names {
		c.mu.Lock()
		_, has := c.rooms[name]
		delete(c.rooms, name)
		c.mu.Unlock()
		if has {
			c.srv.hub.Leave(name, c.member)
			c.srv.releaseRoom(name)
		}
	}
	return nil
}

// leave has the session's rooms left soon. It may be called with any lock held.
func (c *session) end() {
	c.srv.ended.Lock()
	c.srv.ended.clients = append(c.srv.ended.clients, c)
	c.srv.ended.Unlock()
	c.srv.wake()
}

// letGo takes sessions that have ended out of their rooms.
func (r *Server) reap() {
	r.ended.Lock()
	clients := r.ended.clients
	r.ended.clients = nil
	r.ended.Unlock()
	for _, c := range clients {
		c.mu.Lock()
		rooms := c.rooms
		c.rooms, c.closed = nil, true
		c.mu.Unlock()
		for name := range rooms {
			r.hub.Leave(name, c.member)
			r.releaseRoom(name)
		}
	}
}
