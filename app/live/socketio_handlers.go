package live

import (
	"context"
	"encoding/json"

	"smart-factory-backend/app/socketio"
)

// acknowledge responds to an event, if the client has asked for a response.
func acknowledge(e *socketio.Event, fault *Fault) {
	_ = e.Ack(struct {
		OK    bool   `json:"ok"`
		Error *Fault `json:"error,omitempty"`
	}{fault == nil, fault})
}

// sessionOf returns the session of an event's socket that may send a request now.
// If there is none it has acknowledged the event.
func (s *Server) sessionOf(e *socketio.Event) *socketIOSession {
	s.socketIO.mu.RLock()
	c := s.socketIO.sessions[e.Socket]
	s.socketIO.mu.RUnlock()
	if c == nil {
		return nil // disconnected meanwhile
	}
	if fault := c.checkRate(); fault != nil {
		acknowledge(e, fault)
		return nil
	}
	return c
}

// handleRooms returns a handler that decodes the rooms of an event.
func (s *Server) handleRooms(handle func(*socketIOSession, *socketio.Event, []string)) socketio.Handler {
	return func(e *socketio.Event) {
		c := s.sessionOf(e)
		if c == nil {
			return
		}
		var list struct {
			Rooms []string `json:"rooms"`
		}
		if err := e.Args.Decode(0, &list); err != nil {
			acknowledge(e, &Fault{Kind: kindInvalid, Detail: `want an object like {rooms: ["all"]}`})
			return
		}
		if e.Args.Len() > 0 {
			if fault := checkMembers(e.Args.Raw(0), &list); fault != nil {
				acknowledge(e, fault)
				return
			}
		}
		handle(c, e, list.Rooms)
	}
}

// refuseUnknown acknowledges an event that has no handler with a fault.
func refuseUnknown(e *socketio.Event) {
	switch e.Name {
	case opSubscribe, opUnsubscribe, opTelemetry:
	default:
		acknowledge(e, &Fault{Kind: kindInvalid, Detail: "unknown event; want subscribe, unsubscribe or telemetry"})
	}
}

func (c *socketIOSession) handleSubscribe(e *socketio.Event, rooms []string) {
	fault := c.subscribe(context.Background(), rooms, func() {
		c.socket.Join(rooms...) // so that it receives what other programs emit to them
		acknowledge(e, nil)
	})
	if fault != nil {
		acknowledge(e, fault)
	}
}

func (c *socketIOSession) handleUnsubscribe(e *socketio.Event, rooms []string) {
	fault := c.unsubscribe(rooms)
	if fault == nil {
		c.socket.Leave(rooms...)
	}
	acknowledge(e, fault)
}

// handleTelemetry commits telemetry. The acknowledgement follows the commit.
func (s *Server) handleTelemetry(e *socketio.Event) {
	c := s.sessionOf(e)
	if c == nil {
		return
	}
	body := e.Args.Raw(0)
	if len(body) == 0 || len(e.Args.Attachments()) > 0 {
		acknowledge(e, &Fault{Kind: kindInvalid, Detail: "want an object with machine, ts and values, or an array of these objects"})
		return
	}
	result, fault := c.ingest(body)
	if fault != nil {
		acknowledge(e, fault)
		return
	}
	_ = e.Ack(json.RawMessage(result.appendResponse(nil, nil)))
}
