package socketio

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/socketio/engineio"
)

// The states of a socket.
const (
	connecting uint32 = iota
	connected
	disconnected
)

// Socket is a client in a namespace. All methods may be called concurrently
// and at any time: once the socket is disconnected, they return
// ErrDisconnected or do nothing.
type Socket struct {
	ns       *Namespace
	client   *client
	id       string
	auth     json.RawMessage
	data     *Data
	state    atomic.Uint32
	handlers atomic.Pointer[socketHandlers] // nil if there are none

	// For connection state recovery. pid is a secret of the server and the client.
	pid      string
	restored *Session // nil if the socket was not recovered

	// Guarded by the mutex of the adapter.
	position      int32 // in the namespace, counted from 1; 0 if not in it
	inOwnRoom     bool
	rooms         []membership
	selectionMark uint64

	mu          sync.Mutex
	queue       eventQueue
	ackWaiters  int32 // handlers waiting for an acknowledgement
	acks        map[uint64]func(Args, error)
	context     *socketContext // nil until Context is called
	formerRooms []string       // its rooms, while the disconnecting handlers run
}

// cost is what the socket holds, besides its queue.
func (s *Socket) cost() int { return socketCost + len(s.auth) }

const socketCost = 1 << 10

// ID returns the id of the socket, which is not that of its session. It is
// also the name of the socket's own room.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace of the socket.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Conn returns the Engine.IO session, which all sockets of a client share.
// Messages sent on it directly must be Socket.IO packets.
func (s *Socket) Conn() *engineio.Session { return s.client.session }

// Connected reports whether the socket is connected.
func (s *Socket) Connected() bool { return s.state.Load() == connected }

// Recovered reports whether connection state recovery restored the socket: its
// id, rooms and data, and the events that it missed.
func (s *Socket) Recovered() bool { return s.restored != nil }

// Auth returns the JSON object that the client sent to connect, nil if it sent
// none.
func (s *Socket) Auth() json.RawMessage { return s.auth }

// Data returns the data that the program attaches to the socket.
func (s *Socket) Data() *Data {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = &Data{}
	}
	return s.data
}

// Join adds the socket to rooms.
func (s *Socket) Join(rooms ...string) { s.ns.adapter.Join(s, rooms...) }

// Leave removes the socket from rooms.
func (s *Socket) Leave(rooms ...string) { s.ns.adapter.Leave(s, rooms...) }

// Rooms returns the rooms of the socket, its own first.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	rooms := s.formerRooms
	s.mu.Unlock()
	if rooms != nil {
		return rooms
	}
	return s.ns.adapter.Rooms(s)
}

// Emit sends an event to the client; see BroadcastOperator.Emit. It does not
// wait.
func (s *Socket) Emit(event string, args ...any) error { return s.emit(event, args, Flags{}) }

func (s *Socket) emit(event string, args []any, flags Flags) error {
	if s.state.Load() != connected {
		return ErrDisconnected
	}
	if s.client.server.options.Recovery != nil {
		// The adapter stores the event for recovery.
		p, err := newEvent(s.ns.name, event, args)
		if err != nil {
			return err
		}
		flags.Local = true
		return s.ns.adapter.Broadcast(p, &BroadcastOptions{Rooms: []string{s.id}, Flags: flags})
	}
	f, err := s.encodeOutgoing(Packet{Type: PacketEvent, Namespace: s.ns.name}, event, args)
	if err != nil {
		return err
	}
	return s.sendEncoded(f.compress(!flags.NoCompress), flags.Volatile)
}

// sendEncoded sends an encoded packet.
func (s *Socket) sendEncoded(f encodedPacket, volatile bool) error {
	if s.state.Load() != connected {
		return ErrDisconnected
	}
	if volatile && !s.client.session.Writable() {
		return ErrDropped
	}
	return s.client.send(f)
}

func (s *Socket) sendAck(id uint64, args []any) error {
	f, err := encodeFor(Packet{Type: PacketAck, Namespace: s.ns.name, ID: id, HasID: true}, "", args)
	if err != nil {
		return err
	}
	return s.sendEncoded(f, false)
}

// Disconnect disconnects the socket from its namespace. The client is notified
// and does not reconnect by itself. closeConnection also disconnects its other
// sockets and closes the connection.
func (s *Socket) Disconnect(closeConnection bool) {
	if s.state.Load() != connected {
		return
	}
	if closeConnection {
		s.client.disconnect()
		return
	}
	_ = s.sendEncoded(encodePacket(&Packet{Type: PacketDisconnect, Namespace: s.ns.name}), false)
	s.disconnect(ServerDisconnect)
}

// connect runs the middlewares and, if none rejects the socket, connects it.
// It is the first job of its queue.
func (s *Socket) connect() {
	n := s.ns
	recovery := n.server.options.Recovery
	if recovery != nil {
		s.restoreSession()
	}
	handlers := n.load()
	if s.restored == nil || recovery.RunMiddlewares {
		for _, f := range handlers.middlewares {
			if err := f(s); err != nil {
				s.reject(err)
				return
			}
		}
	}
	var rooms []string
	if s.restored != nil {
		rooms = s.restored.Rooms
	}
	if err := n.adapter.Connect(s, rooms, s.sendConnect); err != nil {
		if s.restored != nil { // the client may try again
			n.adapter.PersistSession(s.restored)
		}
		s.reject(err)
		return
	}
	s.client.stopConnectTimeout()
	for _, f := range handlers.connection {
		f(s)
	}
}

// restoreSession restores the session that the client asks for, if it is still
// stored.
func (s *Socket) restoreSession() {
	r, asked := resumptionOf(s.auth)
	if asked {
		ctx, cancel := s.ns.server.withAckTimeout(context.Background())
		defer cancel()
		if session, err := s.ns.adapter.RestoreSession(ctx, r.PID, r.Offset); err == nil && session != nil {
			s.mu.Lock()
			s.restored, s.id, s.pid, s.data = session, session.SID, session.PID, session.Data
			s.mu.Unlock()
			return
		}
	}
	s.pid = randomID()
}

// sendConnect sends the missed packets and then CONNECT. The adapter calls it
// right before broadcasts can reach the socket.
func (s *Socket) sendConnect(missed []*Packet) error {
	var all []*engineio.Message
	for _, p := range missed {
		all = encodePacket(p).appendTo(all)
	}
	data := make([]byte, 0, 80)
	data = append(data, `{"sid":"`...)
	data = append(data, s.id...)
	if s.pid != "" {
		data = append(data, `","pid":"`...)
		data = append(data, s.pid...)
	}
	data = append(data, `"}`...)
	all = append(all, encodePacket(&Packet{Type: PacketConnect, Namespace: s.ns.name, Data: data}).text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != connecting {
		return ErrDisconnected // the client has disconnected meanwhile
	}
	if s.client.session.Send(all...) != nil {
		return ErrDisconnected
	}
	s.state.Store(connected)
	return nil
}

// reject sends CONNECT_ERROR and removes the socket.
func (s *Socket) reject(err error) {
	s.mu.Lock()
	open := s.state.Load() == connecting
	s.state.Store(disconnected)
	s.endContextLocked()
	s.mu.Unlock()
	s.client.removeSocket(s)
	if open {
		s.client.sendConnectError(s.ns.name, err)
	}
}

// disconnect marks the socket disconnected, removes it from its rooms and
// queues the disconnect handlers after the events that have arrived.
func (s *Socket) disconnect(reason Reason) {
	s.mu.Lock()
	was := s.state.Load()
	if was == disconnected {
		s.mu.Unlock()
		return
	}
	s.state.Store(disconnected)
	s.endContextLocked()
	acks := s.acks
	s.acks = nil
	s.queue.signalSpace()
	s.queue.discard = reason == ServerDisconnect || reason == ForcedServerClose
	s.mu.Unlock()
	s.chargeAcks(-len(acks))
	for _, answer := range acks {
		answer(Args{}, ErrDisconnected)
	}
	s.client.removeSocket(s)
	if was == connecting {
		return // no handler has been called for it
	}
	rooms := s.ns.adapter.Remove(s)
	if s.pid != "" && recoverable(reason) {
		s.ns.adapter.PersistSession(&Session{SID: s.id, PID: s.pid, Rooms: rooms, Data: s.Data()})
	}
	s.enqueue(job{last: true, run: func() { s.runDisconnectHandlers(reason, rooms) }})
}

// runDisconnectHandlers is the last job of the queue.
func (s *Socket) runDisconnectHandlers(reason Reason, rooms []string) {
	local := s.loadHandlers()
	s.mu.Lock()
	s.formerRooms = rooms
	s.mu.Unlock()
	clearRooms := func() {
		s.mu.Lock()
		s.formerRooms = nil
		s.mu.Unlock()
	}
	defer clearRooms() // also after a panic
	shared := s.ns.load()
	for _, f := range shared.disconnecting {
		f(s, reason)
	}
	for _, f := range local.disconnecting {
		f(reason)
	}
	clearRooms()
	for _, f := range shared.disconnect {
		f(s, reason)
	}
	for _, f := range local.disconnect {
		f(reason)
	}
}

// String identifies the socket in logs.
func (s *Socket) String() string { return fmt.Sprintf("socket %s of %s", s.id, s.ns.name) }
