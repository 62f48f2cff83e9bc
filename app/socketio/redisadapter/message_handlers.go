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

// onBroadcast handles a message of the broadcast channels.
func (a *Adapter) onBroadcast(channel, message string) {
	room, ok := a.channels.roomOf(channel)
	if !ok || room != "" && !a.Wants(room) {
		return
	}
	m, err := decodeBroadcast([]byte(message))
	if err != nil {
		a.connector.drop(channel, err)
		return
	}
	if m.uid == a.uid || m.packet.Namespace != a.nsp {
		return
	}
	_ = a.MemoryAdapter.Broadcast(&m.packet, localOptions(m.target, m.flags)) // fails only if the adapter is closed
}

// onRequest handles a message of the request channel.
func (a *Adapter) onRequest(channel, message string) {
	req, err := decodeRequest([]byte(message))
	if err != nil {
		a.connector.drop(channel, err)
		return
	}
	if req.UID == a.uid {
		return // this adapter acted on it before publishing it
	}
	switch req.Type {
	case typeSockets:
		a.respondSocketIDs(&req)
	case typeAllRooms:
		rooms := roomList(a.LocalRooms())
		a.respond(&req, response{Rooms: &rooms})
	case typeRemoteFetch:
		a.respondSockets(&req)
	case typeRemoteJoin, typeRemoteLeave, typeRemoteDisconnect:
		a.handleMembership(&req)
	case typeServerSideEmit:
		a.handleServerSideEmit(&req)
	case typeBroadcast:
		a.handleBroadcastWithAck(&req)
	}
}

// respond publishes a response in JSON.
func (a *Adapter) respond(req *request, resp response) {
	resp.RequestID = req.RequestID
	if b, err := json.Marshal(resp); err == nil {
		a.connector.link.Publish(a.responseChannel(req), b)
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

func (a *Adapter) responseChannel(req *request) string {
	if a.connector.options.SpecificResponses && req.UID != "" {
		return a.channels.response + req.UID + "#"
	}
	return a.channels.response
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
	event, err := socketio.NewArgs(req.Data, nil)
	if err != nil {
		a.connector.drop(a.channels.request, err)
		return
	}
	var ack func(socketio.Args)
	if req.RequestID != "" {
		ack = func(value socketio.Args) { a.respondServerSideEmit(req, value) }
	}
	if !a.events.enqueue(func() { a.Namespace().ServerSideEvent(event, ack) }) {
		a.connector.drop(a.channels.request, errors.New("too many queued server-side events"))
	}
}

func (a *Adapter) respondServerSideEmit(req *request, value socketio.Args) {
	plain, err := value.At(0, 1).MarshalJSON()
	if err != nil || len(plain) < 2 {
		return
	}
	data := json.RawMessage(plain[1 : len(plain)-1])
	if len(data) == 0 {
		data = json.RawMessage("null")
	}
	kind := typeServerSideEmit
	if b, err := json.Marshal(response{Type: &kind, RequestID: req.RequestID, Data: &data}); err == nil {
		a.connector.link.Publish(a.channels.response, b) // Node servers expect it on the general channel
	}
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
		a.connector.drop(a.channels.request, errors.New("too many broadcasts with acknowledgements"))
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
		if b, err := encodeAck(req.RequestID, first, args.Attachments()); err == nil {
			a.connector.link.Publish(a.responseChannel(req), b)
		}
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

// onResponse handles a message of the response channels.
func (a *Adapter) onResponse(channel, message string) {
	resp, err := decodeResponse([]byte(message))
	if err == nil {
		err = a.requests.handle(&resp)
	}
	if err != nil {
		a.connector.drop(channel, err)
	}
}
