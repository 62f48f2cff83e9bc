package redisadapter

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"smart-factory-backend/app/socketio"
)

// maxServerEvents bounds the server-side events of a namespace that wait for their
// handlers; further ones are dropped.
const maxServerEvents = 1024

// deliver passes a broadcast of another server to the sockets of this one.
func (a *Adapter) deliver(m *broadcast) {
	if m.uid == a.uid || m.packet.Namespace != a.nsp {
		return
	}
	_ = a.MemoryAdapter.Broadcast(&m.packet, localOptions(m.target, m.flags)) // fails only if the adapter is closed
}

// handleRequest handles a request of another server.
func (a *Adapter) handleRequest(req *request) {
	switch req.Type {
	case typeSockets:
		a.respondSocketIDs(req)
	case typeAllRooms:
		rooms := roomList(a.LocalRooms())
		a.respond(req, response{Rooms: &rooms})
	case typeRemoteFetch:
		a.respondSockets(req)
	case typeRemoteJoin, typeRemoteLeave, typeRemoteDisconnect:
		a.handleMembership(req)
	case typeServerSideEmit:
		a.handleServerSideEmit(req)
	case typeBroadcast:
		a.handleBroadcastWithAck(req)
	}
}

// respond publishes a response.
func (a *Adapter) respond(req *request, resp response) {
	if channel, b, err := a.format.respond(req, &resp); err == nil {
		a.connector.link.Publish(channel, b)
	}
}

// respondList publishes a response with a list of sockets.
func (a *Adapter) respondList(req *request, sockets any) {
	if b, err := json.Marshal(sockets); err == nil {
		a.respond(req, response{Sockets: (*json.RawMessage)(&b)})
	}
}

func (a *Adapter) respondSocketIDs(req *request) {
	ids := roomList{}
	for _, s := range a.LocalSockets(&socketio.BroadcastOptions{Rooms: req.Rooms}) {
		ids = append(ids, s.ID())
	}
	a.respondList(req, ids)
}

func (a *Adapter) respondSockets(req *request) {
	found, err := a.MemoryAdapter.FetchSockets(context.Background(), localOptions(*req.Opts, socketio.Flags{}))
	if err != nil {
		found = nil // without a response the other server would wait for its timeout
	}
	list := make([]remoteSocket, len(found))
	for i, d := range found {
		list[i] = remoteSocket{ID: d.ID, Handshake: d.Handshake, Rooms: d.Rooms, Data: d.Data}
		if a.connector.options.RedactHandshakes {
			list[i].Handshake = redactHandshake(d.Handshake)
		}
	}
	a.respondList(req, list)
}

// handleMembership makes sockets of this server join rooms, leave rooms or
// disconnect. The old form of the request selects one socket; the server that has
// it responds, the others do not.
func (a *Adapter) handleMembership(req *request) {
	o, rooms := localOptions(target{Rooms: roomList{req.SID}}, socketio.Flags{}), req.Rooms
	if req.Opts != nil {
		o = localOptions(*req.Opts, socketio.Flags{})
	} else {
		rooms = roomList{req.Room}
		if a.Namespace().Socket(req.SID) == nil {
			return
		}
	}
	switch req.Type {
	case typeRemoteJoin:
		_ = a.MemoryAdapter.SocketsJoin(o, rooms)
	case typeRemoteLeave:
		_ = a.MemoryAdapter.SocketsLeave(o, rooms)
	case typeRemoteDisconnect:
		_ = a.MemoryAdapter.DisconnectSockets(o, req.Close != nil && *req.Close)
	}
	if req.Opts == nil && req.RequestID != "" {
		a.respond(req, response{})
	}
}

// handleServerSideEmit queues a server-side event for its handlers.
func (a *Adapter) handleServerSideEmit(req *request) {
	event, err := socketio.NewArgs(req.Data, req.attachments)
	if err != nil {
		a.connector.drop(a.format.countChannel(), err)
		return
	}
	var ack func(socketio.Args)
	if req.RequestID != "" {
		ack = func(value socketio.Args) { a.respondServerSideEmit(req, value) }
	}
	if !a.events.enqueue(func() { a.Namespace().ServerSideEvent(event, ack) }) {
		a.connector.drop(a.format.countChannel(), errors.New("too many queued server-side events"))
	}
}

func (a *Adapter) respondServerSideEmit(req *request, value socketio.Args) {
	data := value.Raw(0)
	if data == nil {
		data = json.RawMessage("null")
	}
	kind := typeServerSideEmit
	a.respond(req, response{Type: &kind, Data: &data, attachments: value.Attachments()})
}

// handleBroadcastWithAck broadcasts to the sockets of this server and publishes
// their acknowledgements.
func (a *Adapter) handleBroadcastWithAck(req *request) {
	if req.packet.Namespace != a.nsp {
		return
	}
	wait := cmp.Or(req.flags.Timeout, ackTimeout)
	if a.ackBroadcasts.Add(1) > maxAckBroadcasts {
		a.ackBroadcasts.Add(-1)
		a.connector.drop(a.format.countChannel(), errors.New("too many broadcasts with acknowledgements"))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	counted := func(clients int) {
		kind := typeBroadcastClientCount
		a.respond(req, response{Type: &kind, ClientCount: &clients})
	}
	answered := func(args socketio.Args) {
		first := args.Raw(0)
		if first == nil {
			first = json.RawMessage("null")
		}
		a.respond(req, response{ack: first, attachments: args.Attachments()})
	}
	// Only the timeout releases the context: the last acknowledgement is not known.
	context.AfterFunc(ctx, func() {
		cancel()
		a.ackBroadcasts.Add(-1)
	})
	if err := a.MemoryAdapter.BroadcastWithAck(ctx, &req.packet, localOptions(*req.Opts, req.flags), counted, answered); err != nil {
		cancel()
		counted(0) // without it the other server would wait
	}
}
