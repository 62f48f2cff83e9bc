package socketio

import (
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

// Socket is a client in a namespace. All methods may be called concurrently,
// and at any time: after the end they return ErrDisconnected or nothing.
type Socket struct {
	ns       *Namespace
	client   *client
	id       string
	auth     json.RawMessage
	data     *Data
	state    atomic.Uint32
	handlers atomic.Pointer[socketHandlers] // nil without any

	// For connection state recovery; pid is secret between server and client.
	pid      string
	restored *Session // that was recovered

	// Guarded by the mutex of the adapter.
	position      int32 // in the namespace, from 1; 0 for not in it
	inOwnRoom     bool  // in its own room
	rooms         []membership
	selectionMark uint64

	mu          sync.Mutex
	queue       eventQueue
	ackWaiters  int32 // handlers that wait for an acknowledgement
	acks        map[uint64]func(Args, error)
	context     *socketContext // nil until Context is called
	formerRooms []string       // the rooms that it was in, while it is disconnecting
}

// ID is the socket's id, other than its session's. It is also the name of a
// room that the socket is in.
func (s *Socket) ID() string { return s.id }

// Namespace is the one that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Conn is the Engine.IO session, which the sockets of a client share. What is
// sent on it directly has to be Socket.IO packets.
func (s *Socket) Conn() *engineio.Session { return s.client.session }

// Connected reports whether the socket is connected.
func (s *Socket) Connected() bool { return s.state.Load() == connected }

// Recovered reports whether the socket is an earlier one that came back, with
// its id, rooms and data, and with the events that it missed.
func (s *Socket) Recovered() bool { return s.restored != nil }

// Auth is what the client sent to connect, a JSON object; nil for nothing.
func (s *Socket) Auth() json.RawMessage { return s.auth }

// Data is what the program attaches to the socket.
func (s *Socket) Data() *Data {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		s.data = &Data{}
	}
	return s.data
}

// Join makes the socket a member of rooms.
func (s *Socket) Join(rooms ...string) { s.ns.adapter.Join(s, rooms...) }

// Leave ends its membership in rooms.
func (s *Socket) Leave(rooms ...string) { s.ns.adapter.Leave(s, rooms...) }

// Rooms are the rooms that the socket is in, its own first.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	rooms := s.formerRooms
	s.mu.Unlock()
	if rooms != nil {
		return rooms
	}
	return s.ns.adapter.Rooms(s)
}

// Emit sends an event to the client; see Operator.Emit. It does not wait.
func (s *Socket) Emit(event string, args ...any) error { return s.emit(event, args, Flags{}) }

func (s *Socket) emit(event string, args []any, flags Flags) error {
	if s.state.Load() != connected {
		return ErrDisconnected
	}
	if s.client.server.options.Recovery != nil {
		// By way of the adapter, which keeps it for a client that comes back.
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
	f, err := encodeAck(Packet{Type: PacketAck, Namespace: s.ns.name, ID: id, HasID: true}, args)
	if err != nil {
		return err
	}
	return s.sendEncoded(f, false)
}

// Disconnect takes the client out of the namespace, which it is told; it does
// not come back by itself. closeConnection also takes it out of its other
// namespaces and closes the connection.
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

// connect runs the middlewares and, if they agree, connects the socket. It is
// the first job of its pump.
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
		if s.restored != nil { // it may try again
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

// restoreSession makes the socket the one that the client says it was, if that is
// still known.
func (s *Socket) restoreSession() {
	r, asked := resumptionOf(s.auth)
	if asked {
		ctx, cancel := s.ns.server.adapterContext()
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

// sendConnect tells the client that it is connected, behind what it missed. The
// adapter calls it when it is about to let broadcasts in.
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
		return ErrDisconnected // the client has gone meanwhile
	}
	if s.client.session.Send(all...) != nil {
		return ErrDisconnected
	}
	s.state.Store(connected)
	return nil
}

// reject tells the client that it is not connected, and why.
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

// disconnect makes the socket a disconnected one. What else is to be done for that
// comes after the events that have arrived.
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
	for _, answer := range acks {
		answer(Args{}, ErrDisconnected)
	}
	s.client.removeSocket(s)
	if was == connecting {
		return // nobody has been told of it
	}
	rooms := s.ns.adapter.Remove(s)
	if s.pid != "" && recoverable(reason) {
		s.ns.adapter.PersistSession(&Session{SID: s.id, PID: s.pid, Rooms: rooms, Data: s.Data()})
	}
	s.enqueue(job{last: true, run: func() { s.runDisconnectHandlers(reason, rooms) }})
}

// runDisconnectHandlers runs the handlers of the end.
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
	defer clearRooms() // after a panic, too
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

// String names the socket for logs.
func (s *Socket) String() string { return fmt.Sprintf("socket %s of %s", s.id, s.ns.name) }
