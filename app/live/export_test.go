package live

import (
	"context"
	"encoding/json"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/live/hub"
)

// Client is a session without a transport.
type Client struct{ c client }

// NewClient makes a session whose frames m gets.
func (r *Realtime) NewClient(m hub.Member, who access.Principal) *Client {
	return &Client{client{r: r, member: m, who: who}}
}

// Subscribe, Unsubscribe and Leave are those of a session.
func (c *Client) Subscribe(ctx context.Context, ok func(), rooms ...string) *Fault {
	return c.c.subscribe(ctx, rooms, ok)
}

func (c *Client) Unsubscribe(rooms ...string) *Fault { return c.c.unsubscribe(rooms) }
func (c *Client) Leave()                             { c.c.leave() }

// Watched is how many machines are kept.
func (r *Realtime) Watched() (topics, machines int) {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	return int(r.board.topics.Load()), len(r.board.machines)
}

// ParseRoom reports whether a name of a room is valid, and what it is of.
func ParseRoom(name string) (kind, machine, line string, err error) {
	r, err := parseRoom(name)
	return r.kind, r.machine, lineRoom(r.place), err
}

// AnswerTo parses a message and returns the answer to it that says ok; nil if
// that is not valid JSON.
func (r *Realtime) AnswerTo(text []byte) []byte {
	q, fault := parseRequest(text)
	answer := append(appendAnswer(nil, q.ID, true), '}')
	if fault != nil {
		answer = answerFault(q.ID, fault)
	}
	if body := q.body(); !json.Valid(answer) || body != nil && !json.Valid(body) {
		return nil
	}
	return answer
}

// Hear takes data of a telemetry or another event, as from another process.
func (r *Realtime) Hear(room, event string, data []byte) { r.receive(room, event, data) }
