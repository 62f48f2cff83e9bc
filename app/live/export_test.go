package live

import (
	"context"
	"encoding/json"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
)

// Client is a session without a transport.
type Session struct{ session session }

// NewClient makes a session whose frames m gets.
func (r *Server) NewSession(m hub.Member, who access.Principal) *Session {
	return &Session{session{srv: r, member: m, principal: who}}
}

// Subscribe, Unsubscribe and Leave are those of a session.
func (c *Session) Subscribe(ctx context.Context, ok func(), rooms ...string) *Fault {
	return c.session.subscribe(ctx, rooms, ok)
}

func (c *Session) Unsubscribe(rooms ...string) *Fault { return c.session.unsubscribe(rooms) }
func (c *Session) End()                               { c.session.end() }

// Watched is how many machines are kept.
func (r *Server) WatchedRooms() (topics, machines int) {
	r.cache.mu.Lock()
	defer r.cache.mu.Unlock()
	return int(r.cache.watchedRooms.Load()), len(r.cache.machines)
}

// ParseRoom reports whether a name of a room is valid, and what it is of.
func ParseRoom(name string) (kind, machine, line string, err error) {
	r, err := parseRoom(name)
	return r.kind, r.machine, lineRoom(r.place), err
}

// AnswerTo parses a message and returns the answer to it that says ok; nil if
// that is not valid JSON.
func (r *Server) Respond(text []byte) []byte {
	q, fault := parseRequest(text)
	answer := append(appendResponse(nil, q.ID, true), '}')
	if fault != nil {
		answer = errorResponse(q.ID, fault)
	}
	if body := q.telemetry(); !json.Valid(answer) || body != nil && !json.Valid(body) {
		return nil
	}
	return answer
}

// Hear takes data of a telemetry or another event, as from another process.
func (r *Server) ReceiveFromPeer(room, event string, data []byte) { r.onMessage(room, event, data) }
