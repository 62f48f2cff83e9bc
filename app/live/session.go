package live

import (
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/websocket/eventloop"
)

// session is what the sessions of all transports have in common. The session type
// of each transport embeds it.
//
// A session ends when its connection has closed, by finish. Its rooms are left
// later, by reap: the connection may have been closed by a delivery, with a room
// locked.
type session struct {
	srv       *Server
	member    hub.Member // the transport's session
	transport hub.Format
	principal access.Principal
	lease     *lease // nil before the session has started
	account   *eventloop.Account
	slow      atomic.Bool

	mu     sync.Mutex
	rooms  map[string]struct{} // nil while there are none
	closed bool                // reap was here
}

// start counts the session, which holds a lease.
func (c *session) start() {
	c.srv.counters.sessions[c.transport].Add(1)
}

// finish releases what the session holds, after its connection has closed.
func (c *session) finish() {
	c.srv.counters.sessions[c.transport].Add(-1)
	if c.transport != transportSocketIO { // whose connection holds the lease
		c.lease.Release()
	}
	c.leaveRooms()
}

// leaveRooms removes the session from its rooms soon. It may be called with any
// lock held, and more than once.
func (c *session) leaveRooms() {
	c.srv.endedMu.Lock()
	c.srv.ended = append(c.srv.ended, c)
	c.srv.endedMu.Unlock()
	c.srv.wake()
}

// reap removes the sessions that have ended from their rooms.
func (s *Server) reap() {
	s.endedMu.Lock()
	ended := s.ended
	s.ended = nil
	s.endedMu.Unlock()
	for _, c := range ended {
		c.mu.Lock()
		rooms := c.rooms
		c.rooms, c.closed = nil, true
		c.mu.Unlock()
		for name := range rooms {
			c.account.Charge(-roomCost(name))
			s.hub.Leave(name, c.member)
			s.releaseRoom(name)
		}
	}
}

// roomCost is what a session holds for a room: its places in the session, the hub
// and the Socket.IO adapter, and its part of a room that nobody else may be in.
func roomCost(name string) int { return 2<<10 + 2*len(name) }

// authorize returns a fault unless the session's key allows the action.
func (c *session) authorize(a access.Action) *Fault {
	if c.srv.options.Keys.Unrestricted() || c.principal.Role.Allows(a) {
		return nil
	}
	return &Fault{Kind: kindForbidden, Detail: "key " + c.principal.Name + " has the role " + c.principal.Role.String() + ", which may not " + a.String()}
}

// checkRate returns a fault if the client sends requests too fast.
func (c *session) checkRate() *Fault {
	if check := c.srv.options.CheckRate; check != nil {
		if detail := check(Caller{Addr: c.lease.address, Principal: c.principal}); detail != "" {
			return &Fault{Kind: kindOverloaded, Detail: detail}
		}
	}
	return nil
}

// revocable is a session that can be closed because its key was revoked.
type revocable interface {
	owner() access.Principal
	revoke()
}

// revokedReason is the reason in the close frame.
const revokedReason = "the API key was revoked"

func (c *session) owner() access.Principal { return c.principal }

// CloseRevoked closes the sessions whose key is no longer active and returns their
// number. Call it after the keys have changed.
func (s *Server) CloseRevoked() int {
	sessions := s.heartbeat.list()
	s.socketIO.mu.RLock()
	for _, c := range s.socketIO.sessions {
		sessions = append(sessions, c)
	}
	s.socketIO.mu.RUnlock()
	closed := 0
	for _, c := range sessions {
		if s.closeIfRevoked(c) {
			closed++
		}
	}
	return closed
}

// closeIfRevoked closes a session whose key is no longer active. Each session calls
// it once it can be found by CloseRevoked, which may have run since its key was
// checked.
func (s *Server) closeIfRevoked(c revocable) bool {
	if s.options.Keys.Active(c.owner()) {
		return false
	}
	c.revoke()
	return true
}
