package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"smart-factory-backend/app/socketio"
)

// benchRoom is the room that publish sends to.
const benchRoom = "bench"

// authorize is the middleware of /auth.
func authorize(s *socketio.Socket) error {
	var auth struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(s.Auth(), &auth) == nil && auth.Token == "good" {
		return nil
	}
	return &socketio.ConnectionError{
		Message: "not authorized",
		Data:    map[string]any{"code": "E_AUTH", "retry": false},
	}
}

// registerEvents registers all events with a namespace.
func registerEvents(n *socketio.Namespace) {
	n.OnConnection(greet)
	registerMessages(n)
	registerRooms(n)
	registerSocketEvents(n)
	registerServerEvents(n)
}

// greet sends a socket what it sent to connect.
func greet(s *socketio.Socket) {
	auth := authObject(s)
	var fields struct {
		Tag any `json:"tag"`
	}
	_ = json.Unmarshal(auth, &fields)
	s.Data().Set("tag", fields.Tag)
	if s.Handshake().Query.Get("bench") == "1" {
		s.Join(benchRoom)
	}
	if s.Conn().Transport() != "websocket" {
		_ = s.Emit("auth", auth)
		return
	}
	time.AfterFunc(greetingPause, func() { _ = s.Emit("auth", auth) }) // an error: it has disconnected
}

// greetingPause keeps the greeting out of the TCP segment of the CONNECT
// packet. Protocol suites wait for one message at a time and lose the second
// message of a segment. Nothing waits meanwhile: events of the socket are handled.
const greetingPause = 50 * time.Millisecond

// authObject returns what the socket sent to connect, or an empty object.
func authObject(s *socketio.Socket) json.RawMessage {
	if auth := s.Auth(); len(auth) > 0 {
		return auth
	}
	return json.RawMessage("{}")
}

// registerMessages registers the events that send their arguments back.
func registerMessages(n *socketio.Namespace) {
	// None of these handlers wait, so they can run on the receiving goroutine.
	n.OnDirect("message", func(e *socketio.Event) { _ = e.Socket.Emit("message-back", e.Args) })
	n.OnDirect("message-with-ack", func(e *socketio.Event) { _ = e.Ack(e.Args) })
	n.OnDirect("no-ack", func(*socketio.Event) {})
	n.OnDirect("echo", func(e *socketio.Event) { _ = e.Socket.Emit("echo", e.Args.At(0, 1)) })
	n.OnDirect("publish", func(e *socketio.Event) { _ = n.To(benchRoom).Emit("msg", e.Args.At(0, 1)) })

	socketio.On(n, "server-ask", func(ctx context.Context, e *socketio.Event, ms int) error {
		wait := time.Duration(ms) * time.Millisecond
		answer, err := e.Socket.Timeout(wait).EmitWithAck(ctx, "ask", e.Args.At(1, 1))
		return e.Ack(map[string]any{"err": errorText(err), "res": answer})
	})
	socketio.On(n, "volatile", func(_ context.Context, e *socketio.Event, count int) error {
		count = min(max(count, 0), maxItems)
		for i := range count {
			_ = e.Socket.Volatile().Emit("vol", i)
		}
		return e.Socket.Emit("vol-end", count)
	})
	socketio.On(n, "blast", func(_ context.Context, e *socketio.Event, count int) error {
		for i := range min(count, maxItems) {
			_ = e.Socket.Emit("blast-item", i)
		}
		return nil
	})
	registerSequence(n)
}

// maxItems bounds the number of events that one request causes.
const maxItems = 1_000_000

// errorText returns the text of an error, or nil, for JSON.
func errorText(err error) any {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, socketio.ErrTimeout):
		return "operation has timed out"
	}
	return err.Error()
}

// registerSequence registers the events that record and report what each
// socket has sent, in order.
func registerSequence(n *socketio.Namespace) {
	var mu sync.Mutex
	sequences := map[*socketio.Socket][]json.RawMessage{}
	n.On("seq", func(e *socketio.Event) {
		mu.Lock()
		defer mu.Unlock()
		if seen := sequences[e.Socket]; len(seen) < maxItems {
			sequences[e.Socket] = append(seen, bytes.Clone(e.Args.Raw(0)))
		}
	})
	n.On("seq-report", func(e *socketio.Event) {
		mu.Lock()
		seen := append([]json.RawMessage{}, sequences[e.Socket]...)
		mu.Unlock()
		_ = e.Ack(seen)
	})
	n.OnDisconnect(func(s *socketio.Socket, _ socketio.Reason) {
		mu.Lock()
		defer mu.Unlock()
		delete(sequences, s)
	})
}

// registerSocketEvents registers the events about the socket itself.
func registerSocketEvents(n *socketio.Namespace) {
	n.On("info", func(e *socketio.Event) {
		s := e.Socket
		query := map[string]any{}
		for name, values := range s.Handshake().Query {
			if query[name] = values; len(values) == 1 {
				query[name] = values[0]
			}
		}
		_ = e.Ack(map[string]any{
			"id": s.ID(), "rooms": sorted(s.Rooms()), "auth": authObject(s), "query": query, "data": s.Data(),
			"transport": s.Conn().Transport(), "recovered": s.Recovered(),
		})
	})
	n.On("kick", func(e *socketio.Event) { e.Socket.Disconnect(false) })
	n.On("kick-close", func(e *socketio.Event) { e.Socket.Disconnect(true) })
	n.On("drop-transport", func(e *socketio.Event) { e.Socket.Conn().Close(socketio.ForcedClose) })
}

// registerRooms registers the events about rooms.
func registerRooms(n *socketio.Namespace) {
	n.On("join", func(e *socketio.Event) {
		e.Socket.Join(e.Args.Text(0))
		_ = e.Ack(sorted(e.Socket.Rooms()))
	})
	n.On("leave", func(e *socketio.Event) {
		e.Socket.Leave(e.Args.Text(0))
		_ = e.Ack(sorted(e.Socket.Rooms()))
	})
	n.On("send", func(e *socketio.Event) {
		c := decodeCommand(e.Args)
		_ = c.broadcast(e.Socket).Emit(c.event(), c.args())
		_ = e.Ack("sent")
	})
	n.On("ask-room", func(e *socketio.Event) {
		c := decodeCommand(e.Args)
		answers, err := c.broadcast(e.Socket).EmitWithAck(e.Context(), c.event(), c.args())
		_ = e.Ack(map[string]any{"err": errorText(err), "res": firstValues(answers)})
	})
}

// sorted returns a sorted copy of names, never nil.
func sorted(names []string) []string {
	names = append([]string{}, names...)
	slices.Sort(names)
	return names
}

// firstValues returns the first value of each answer, null where it is empty.
func firstValues(answers []socketio.Args) socketio.Args {
	values := make([]any, len(answers))
	for i, a := range answers {
		if a.Len() > 0 {
			values[i] = a
		}
	}
	list, err := socketio.MakeArgs(values...)
	if err != nil {
		return socketio.Args{}
	}
	return list
}

// registerServerEvents registers the events that reach all servers.
func registerServerEvents(n *socketio.Namespace) {
	n.On("fetch-sockets", func(e *socketio.Event) {
		all := n.To()
		if room := e.Args.Text(0); room != "" {
			all = all.In(room)
		}
		found, err := all.FetchSockets(e.Context())
		if err != nil {
			_ = e.Ack(map[string]any{"err": errorText(err)})
			return
		}
		list := []any{}
		for _, s := range found {
			var handshake struct {
				Auth json.RawMessage `json:"auth"`
			}
			_ = json.Unmarshal(s.Handshake, &handshake)
			list = append(list, map[string]any{"id": s.ID, "rooms": sorted(s.Rooms), "data": s.Data, "auth": handshake.Auth})
		}
		_ = e.Ack(list)
	})
	n.On("server-count", func(e *socketio.Event) {
		count, err := n.ServerCount(e.Context())
		if err != nil {
			_ = e.Ack(map[string]any{"err": errorText(err)})
			return
		}
		_ = e.Ack(count)
	})
	n.On("sockets-join", func(e *socketio.Event) {
		_ = selectSockets(n, e.Args).SocketsJoin(e.Args.Text(1))
		_ = e.Ack("ok")
	})
	n.On("sockets-leave", func(e *socketio.Event) {
		_ = selectSockets(n, e.Args).SocketsLeave(e.Args.Text(1))
		_ = e.Ack("ok")
	})
	n.On("disconnect-sockets", func(e *socketio.Event) {
		var closeConnection bool
		_ = e.Args.Decode(1, &closeConnection)
		_ = e.Ack("ok") // first: the sender may be among the selected
		_ = selectSockets(n, e.Args).DisconnectSockets(closeConnection)
	})
	n.On("server-side-emit", func(e *socketio.Event) {
		_ = n.ServerSideEmit("ping-all", arrayArgs(e.Args))
		_ = e.Ack("ok")
	})
	n.On("server-side-ask", func(e *socketio.Event) {
		answers, err := n.ServerSideEmitWithAck(e.Context(), "ask-all", arrayArgs(e.Args))
		_ = e.Ack(map[string]any{"err": errorText(err), "res": firstValues(answers)})
	})
	n.OnServerSideEvent("ping-all", func(e *socketio.ServerEvent) { _ = n.Local().Emit("server-side", e.Args) })
	n.OnServerSideEvent("ask-all", func(e *socketio.ServerEvent) {
		_ = e.Ack(map[string]any{"pid": os.Getpid(), "args": e.Args})
	})
}
