package redisadapter

import (
	"encoding/json"
	"sync"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/redislink"
)

// socketIDLength is the length of a socket's id. The Node adapter takes a room of
// that length for a socket's own room.
const socketIDLength = 20

// maxRetainedRooms bounds the rooms without a member that stay subscribed for
// clients that may recover; further ones are unsubscribed at once.
const maxRetainedRooms = 10_000

// sharded is the format of createShardedAdapter: one kind of message for all, on
// the channel of the namespace, of a room or of one server.
type sharded struct {
	a        *Adapter
	channel  string // of the namespace; also the prefix of all others
	response string // responses to this adapter
	mode     Mode

	mu       sync.Mutex
	rooms    map[string]*redislink.Subscription
	retained int // timers of unsubscribeRoom
}

func newSharded(a *Adapter, key string, mode Mode) *sharded {
	channel := key + "#" + a.nsp + "#"
	return &sharded{a: a, channel: channel, response: channel + a.uid + "#", mode: mode, rooms: map[string]*redislink.Subscription{}}
}

func (s *sharded) subscribe() {
	for _, channel := range []string{s.channel, s.response} {
		s.a.subscriptions = append(s.a.subscriptions, s.subscribeChannel(channel))
	}
	if s.mode != ShardedStatic {
		s.a.Namespace().OnCreateRoom(s.subscribeRoom)
		s.a.Namespace().OnDeleteRoom(s.unsubscribeRoom)
	}
}

func (s *sharded) subscribeChannel(channel string) *redislink.Subscription {
	return s.a.connector.link.Subscribe(channel, s.a.connector.handler(s.onMessage))
}

// hasChannel reports whether broadcasts to the room use a channel of its own.
func (s *sharded) hasChannel(room string) bool {
	return s.mode == ShardedDynamicPrivate || s.mode == ShardedDynamic && lengthInJavaScript(room) != socketIDLength
}

// lengthInJavaScript returns the length of a string in UTF-16.
func lengthInJavaScript(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++ // a surrogate pair
		}
	}
	return n
}

func (s *sharded) subscribeRoom(room string) {
	channel := s.channel + room + "#"
	if !s.hasChannel(room) || channel == s.response {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms != nil && s.rooms[room] == nil {
		s.rooms[room] = s.subscribeChannel(channel)
	}
}

// unsubscribeRoom keeps the subscription while a disconnected client may still
// recover what is sent to the room.
func (s *sharded) unsubscribeRoom(room string) {
	if !s.hasChannel(room) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	window := s.a.RecoveryWindow()
	if window == 0 || s.retained >= maxRetainedRooms {
		s.unsubscribeEmptyLocked(room)
		return
	}
	s.retained++
	time.AfterFunc(window, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.retained--
		s.unsubscribeEmptyLocked(room)
	})
}

func (s *sharded) unsubscribeEmptyLocked(room string) {
	if subscription := s.rooms[room]; subscription != nil && !s.a.HasRoom(room) {
		subscription.Cancel()
		delete(s.rooms, room)
	}
}

func (s *sharded) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, subscription := range s.rooms {
		subscription.Cancel()
	}
	s.rooms = nil
}

func (s *sharded) countChannel() string { return s.channel }

// onMessage handles a message of any channel. Node servers, too, accept a response
// on each of them.
func (s *sharded) onMessage(channel, message string) {
	m, err := decodeSharded([]byte(message))
	if err != nil {
		s.a.connector.drop(channel, err)
		return
	}
	if m.uid == s.a.uid || m.nsp != s.a.nsp {
		return
	}
	switch {
	case m.broadcast != nil:
		s.a.deliver(m.broadcast)
	case m.request != nil:
		s.a.handleRequest(m.request)
	case m.response != nil:
		err = s.a.requests.handle(m.response)
	}
	if err != nil {
		s.a.connector.drop(channel, err)
	}
}

func (s *sharded) broadcast(p *socketio.Packet, t target, f socketio.Flags) (channel string, message []byte, err error) {
	channel = s.channel
	if len(t.Rooms) == 1 && s.hasChannel(t.Rooms[0]) {
		channel += t.Rooms[0] + "#"
	}
	message, err = s.encode(shardedBroadcast, &shardedData{Packet: shardedPacketOf(p), Opts: shardedOptionsOf(t, f)}, p.Attachments)
	return channel, message, err
}

func (s *sharded) request(req *request) (channel string, message []byte, err error) {
	d := &shardedData{RequestID: req.RequestID, Rooms: req.Rooms, Close: req.Close}
	attachments := req.attachments
	if req.Opts != nil {
		d.Opts = shardedOptionsOf(*req.Opts, req.flags)
	}
	var kind shardedType
	switch req.Type {
	case typeBroadcast:
		kind, d.Packet, attachments = shardedBroadcast, shardedPacketOf(&req.packet), req.packet.Attachments
	case typeServerSideEmit:
		kind, d.Packet = shardedServerSideEmit, req.Data
	case typeRemoteJoin:
		kind = shardedSocketsJoin
	case typeRemoteLeave:
		kind = shardedSocketsLeave
	case typeRemoteDisconnect:
		kind = shardedDisconnectSockets
	case typeRemoteFetch:
		kind = shardedFetchSockets
	default:
		return "", nil, errUnsupported
	}
	message, err = s.encode(kind, d, attachments)
	return s.channel, message, err
}

func (s *sharded) respond(req *request, resp *response) (channel string, message []byte, err error) {
	d := &shardedData{RequestID: req.RequestID, Sockets: resp.Sockets, ClientCount: resp.ClientCount}
	var kind shardedType
	switch {
	case resp.ack != nil:
		kind, d.Packet = shardedBroadcastAck, json.RawMessage(resp.ack)
	case resp.ClientCount != nil:
		kind = shardedBroadcastClientCount
	case resp.Data != nil:
		kind, d.Packet = shardedServerSideEmitResponse, *resp.Data
	case resp.Sockets != nil:
		kind = shardedFetchSocketsResponse
	default:
		return "", nil, errUnsupported
	}
	message, err = s.encode(kind, d, resp.attachments)
	return s.channel + req.UID + "#", message, err
}
