package redisadapter

import (
	"context"
	"encoding/json"
	"errors"

	"smart-factory-backend/app/socketio"
)

// maxServerEvents is how many server-side events of a namespace may wait for
// their handlers; more are dropped.
const maxServerEvents = 1024

// onBroadcast is called with what arrives on the broadcast channels.
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
	if m.uid == a.uid || m.event.nsp != a.nsp {
		return
	}
	_ = a.MemoryAdapter.Broadcast(m.event.packet(), localOptions(m.target, m.flags)) // closed: nobody to deliver to
}

// onRequest is called with what arrives on the request channel.
func (a *Adapter) onRequest(channel, message string) {
	req, err := decodeRequest([]byte(message))
	if err != nil {
		a.connector.drop(channel, err)
		return
	}
	if req.UID == a.uid {
		return // done before it was published
	}
	switch req.Type {
	case typeSockets:
		a.respond(&req, socketIDsResponse{req.RequestID, socketIDs(a.LocalSockets(&socketio.BroadcastOptions{Rooms: req.Rooms}))})
	case typeAllRooms:
		a.respond(&req, roomsResponse{req.RequestID, a.LocalRooms()})
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

func socketIDs(sockets []*socketio.Socket) roomList {
	list := make(roomList, len(sockets))
	for i, s := range sockets {
		list[i] = s.ID()
	}
	return list
}

// The responses always have their lists: a peer that misses one waits for
// its timeout.
type (
	socketIDsResponse struct {
		RequestID string   `json:"requestId"`
		Sockets   roomList `json:"sockets"`
	}
	roomsResponse struct {
		RequestID string   `json:"requestId"`
		Rooms     roomList `json:"rooms"`
	}
	socketsResponse struct {
		RequestID string         `json:"requestId"`
		Sockets   []remoteSocket `json:"sockets"`
	}
	emptyResponse struct {
		RequestID string `json:"requestId"`
	}
	valueResponse struct {
		Type      messageType     `json:"type"`
		RequestID string          `json:"requestId"`
		Data      json.RawMessage `json:"data"`
	}
	countResponse struct {
		Type        messageType `json:"type"`
		RequestID   string      `json:"requestId"`
		ClientCount int         `json:"clientCount"`
	}
)

// answer publishes a response in JSON.
func (a *Adapter) respond(req *request, response any) {
	if b, err := json.Marshal(response); err == nil {
		a.connector.link.Publish(a.responseChannel(req), b)
	}
}

func (a *Adapter) responseChannel(req *request) string {
	if a.connector.options.SpecificResponses && req.UID != "" {
		return a.channels.response + req.UID + "#"
	}
	return a.channels.response
}

func (a *Adapter) respondSockets(req *request) {
	found, err := a.MemoryAdapter.FetchSockets(context.Background(), localOptions(*req.Opts, flags{}))
	if err != nil {
		found = nil // an empty answer is better than none
	}
	list := make([]remoteSocket, len(found))
	for i, d := range found {
		list[i] = remoteSocket{ID: d.ID, Handshake: d.Handshake, Rooms: d.Rooms, Data: d.Data}
		if a.connector.options.RedactHandshakes {
			list[i].Handshake = redactHandshake(d.Handshake)
		}
	}
	a.respond(req, socketsResponse{req.RequestID, list})
}

// move makes sockets of this server join, leave or disconnect: those that the
// request selects, or in its old form one, whose server alone answers.
func (a *Adapter) handleMembership(req *request) {
	o, rooms := &socketio.BroadcastOptions{Rooms: []string{req.SID}, Flags: socketio.Flags{Local: true}}, []string(req.Rooms)
	if req.Opts != nil {
		o = localOptions(*req.Opts, flags{})
	} else {
		rooms = []string{req.Room}
		if !a.hasSocket(req.SID) {
			return
		}
	}
	switch req.Type {
	case typeRemoteJoin:
		_ = a.MemoryAdapter.SocketsJoin(o, rooms)
	case typeRemoteLeave:
		_ = a.MemoryAdapter.SocketsLeave(o, rooms)
	case typeRemoteDisconnect:
		_ = a.MemoryAdapter.DisconnectSockets(o, req.Close)
	}
	if req.Opts == nil && req.RequestID != "" {
		a.respond(req, emptyResponse{req.RequestID})
	}
}

func (a *Adapter) hasSocket(sid string) bool {
	for _, s := range a.LocalSockets(&socketio.BroadcastOptions{Rooms: []string{sid}}) {
		if s.ID() == sid {
			return true
		}
	}
	return false
}

// serverSide has a server-side event handled, after those before it.
func (a *Adapter) handleServerSideEmit(req *request) {
	data, err := json.Marshal(req.Data)
	if err != nil {
		return
	}
	event, err := socketio.NewArgs(data, nil)
	if err != nil {
		a.connector.drop(a.channels.request, err)
		return
	}
	var answer func(socketio.Args)
	if req.RequestID != "" {
		answer = func(value socketio.Args) { a.respondServerSideEmit(req, value) }
	}
	if !a.events.enqueue(func() { a.Namespace().ServerSideEvent(event, answer) }) {
		a.connector.drop(a.channels.request, errors.New("too many server-side events wait"))
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
	b, err := json.Marshal(valueResponse{typeServerSideEmit, req.RequestID, data})
	if err == nil {
		a.connector.link.Publish(a.channels.response, b) // the general channel, always
	}
}

// ask broadcasts with acknowledgement to this server's sockets, for another.
func (a *Adapter) handleBroadcastWithAck(req *request) {
	if req.event.nsp != a.nsp {
		return
	}
	wait := req.flags.timeout
	if wait == 0 {
		wait = ackTimeout
	}
	if a.ackBroadcasts.Add(1) > maxAckBroadcasts {
		a.ackBroadcasts.Add(-1)
		a.connector.drop(a.channels.request, errors.New("too many broadcasts wait for acknowledgements"))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	counted := func(clients int) {
		a.respond(req, countResponse{typeBroadcastClientCount, req.RequestID, clients})
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
	// The timeout releases the context: nobody knows when the last has answered.
	context.AfterFunc(ctx, func() {
		cancel()
		a.ackBroadcasts.Add(-1)
	})
	if err := a.MemoryAdapter.BroadcastWithAck(ctx, req.event.packet(), localOptions(*req.Opts, req.flags), counted, answered); err != nil {
		cancel()
		counted(0) // or the other server waits
	}
}

// onResponse is called with what arrives on the response channels.
func (a *Adapter) onResponse(channel, message string) {
	resp, err := decodeResponse([]byte(message))
	if err == nil {
		err = a.requests.handle(&resp)
	}
	if err != nil {
		a.connector.drop(channel, err)
	}
}
