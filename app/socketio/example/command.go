package main

import (
	"encoding/json"
	"time"

	"smart-factory-backend/app/socketio"
)

// command is the argument of send and ask-room: an event and its receivers.
type command struct {
	Via      string          `json:"via"`
	Room     names           `json:"room"`
	Except   names           `json:"except"`
	Local    bool            `json:"local"`
	Volatile bool            `json:"volatile"`
	Timeout  int             `json:"timeout"` // milliseconds
	Event    string          `json:"event"`
	Args     json.RawMessage `json:"args"`

	whole socketio.Args
}

// names is a name, a list of names, or null.
type names []string

// UnmarshalJSON accepts each of these forms.
func (n *names) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*n = names{""}
		return json.Unmarshal(data, &(*n)[0])
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// decodeCommand decodes the first argument. Missing and invalid members have
// their zero value.
func decodeCommand(args socketio.Args) command {
	c := command{whole: args.At(0, 1)}
	_ = json.Unmarshal(args.Raw(0), &c) // Raw keeps the placeholders
	return c
}

func (c *command) event() string {
	if c.Event == "" {
		return "event"
	}
	return c.Event
}

// args returns the arguments to send, including binary ones.
func (c *command) args() socketio.Args {
	if len(c.Args) == 0 {
		return socketio.Args{}
	}
	list, err := socketio.NewArgs(c.Args, c.whole.Attachments())
	if err != nil {
		return socketio.Args{}
	}
	return list
}

// broadcast selects the receivers of the command.
func (c *command) broadcast(s *socketio.Socket) socketio.BroadcastOperator {
	o := s.To(c.Room...)
	if c.Via == "io" {
		o = s.Namespace().To(c.Room...)
	}
	o = o.Except(c.Except...)
	if c.Local {
		o = o.Local()
	}
	if c.Volatile {
		o = o.Volatile()
	}
	if c.Timeout > 0 {
		o = o.Timeout(time.Duration(c.Timeout) * time.Millisecond)
	}
	return o
}

// selectSockets selects by the first argument: a room, a list of rooms, an
// object with room, except and local, or null for all sockets.
func selectSockets(n *socketio.Namespace, args socketio.Args) socketio.BroadcastOperator {
	raw := args.Raw(0)
	if len(raw) == 0 || raw[0] != '{' {
		var rooms names
		_ = json.Unmarshal(raw, &rooms)
		return n.To(rooms...)
	}
	c := decodeCommand(args)
	o := n.To(c.Room...).Except(c.Except...)
	if c.Local {
		o = o.Local()
	}
	return o
}

// arrayArgs returns the arguments of an event, which may be a single list.
func arrayArgs(args socketio.Args) socketio.Args {
	if raw := args.Raw(0); args.Len() == 1 && raw[0] == '[' {
		if list, err := socketio.NewArgs(raw, args.Attachments()); err == nil {
			return list
		}
	}
	return args
}
