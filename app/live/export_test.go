package live

import (
	"context"
	"encoding/json"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
)

// Session is a session without a transport.
type Session struct{ c session }

// NewSession makes a session whose frames m receives.
func (s *Server) NewSession(m hub.Member, principal access.Principal) *Session {
	return &Session{session{srv: s, member: m, principal: principal}}
}

func (s *Session) Subscribe(ctx context.Context, ok func(), rooms ...string) *Fault {
	return s.c.subscribe(ctx, rooms, ok)
}

func (s *Session) Unsubscribe(rooms ...string) *Fault { return s.c.unsubscribe(rooms) }

// End removes the session from its rooms.
func (s *Session) End() { s.c.leaveRooms() }

// CacheSize counts the watched rooms and the cached machines.
func (s *Server) CacheSize() (rooms, machines int) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	return int(s.cache.watched.Load()), len(s.cache.machines)
}

// ParseRoom parses a room name.
func ParseRoom(name string) (kind, machine, line string, err error) {
	r, err := parseRoom(name)
	return r.kind, r.machine, lineRoom(r.placement), err
}

// Respond parses a message and returns a response to it, nil if the response or
// the request's telemetry is not valid JSON.
func Respond(text []byte) []byte {
	q, fault := parseRequest(text)
	response := append(appendResponse(nil, q.ID, true), '}')
	if fault != nil {
		response = errorResponse(q.ID, fault)
	}
	if body := q.telemetry(); !json.Valid(response) || body != nil && !json.Valid(body) {
		return nil
	}
	return response
}

// ReceiveFromPeer handles an event as if another process had published it.
func (s *Server) ReceiveFromPeer(room, event string, data []byte) { s.onMessage(room, event, data) }

// UpgradeLimiter returns the rate limit on upgrades with a clock of the test.
func UpgradeLimiter(l Limits, now func() time.Time) (allow func() bool) {
	var a admission
	a.init(l)
	a.now = now
	return func() bool { return a.allowUpgrade() == nil }
}

// TestPinger is a session for RunHeartbeat.
type TestPinger struct{ OnPing, OnAbort func() }

func (p *TestPinger) ping()                   { p.OnPing() }
func (p *TestPinger) abort()                  { p.OnAbort() }
func (p *TestPinger) revoke()                 {}
func (p *TestPinger) owner() access.Principal { return access.Principal{} }

// RunHeartbeat pings the sessions once per interval until ctx ends.
func (s *Server) RunHeartbeat(ctx context.Context, interval time.Duration, sessions ...*TestPinger) {
	var h heartbeat
	h.init(interval)
	for _, p := range sessions {
		h.add(p)
	}
	h.run(ctx, s.guard)
}
