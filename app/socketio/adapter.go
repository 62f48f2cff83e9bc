package socketio

import (
	"context"
	"encoding/json"
	"time"
)

// BroadcastOptions select the sockets of a namespace that something is for.
type BroadcastOptions struct {
	// Rooms are united; none means every socket of the namespace. A socket's
	// id is a room of its own.
	Rooms []string
	// Except are rooms whose members are left out.
	Except []string
	Flags  Flags
}

// Flags modify a broadcast.
type Flags struct {
	// Volatile: not for those who can't take it at once.
	Volatile bool
	// Local: not to other servers.
	Local bool
	// NoCompress: not compressed, also for those who negotiated
	// permessage-deflate (engineio.Options.Deflate).
	NoCompress bool
	// Timeout bounds the wait for acknowledgements; it is set whenever there
	// are any to wait for.
	Timeout time.Duration
}

// SocketDetails describe a socket to other servers, in the form in which they
// travel as JSON.
type SocketDetails struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// Session is what is kept of a socket for connection state recovery.
type Session struct {
	SID   string
	PID   string
	Rooms []string
	Data  *Data
	// Offset is the last packet that the client has seen.
	Offset string

	position uint64 // of the next packet to send, in the log of a MemoryAdapter
}

// AdapterFactory makes the adapter of a namespace. It is called when the
// namespace is created, and must not wait for a network.
type AdapterFactory func(*Namespace) Adapter

// Adapter keeps the rooms of one namespace and takes what is meant for its
// sockets to all of them, on whichever servers they are. The MemoryAdapter
// serves one server; others embed it and add the way to the other servers.
//
// All methods may be called concurrently, and from handlers. Those without a
// context do not wait for other servers. After Close all return an error or
// nothing.
type Adapter interface {
	// Connect makes s a member of the namespace and of rooms. It calls welcome
	// exactly once, before any broadcast reaches s, with what s missed if it
	// is being recovered; if welcome returns an error, s is not connected.
	Connect(s *Socket, rooms []string, welcome func(missed []*Packet) error) error
	// Join and Leave change the rooms of a connected socket.
	Join(s *Socket, rooms ...string)
	Leave(s *Socket, rooms ...string)
	// Remove ends the membership in the namespace and all its rooms, which it
	// returns.
	Remove(s *Socket) []string

	// Rooms returns the rooms that s is in, its own first.
	Rooms(s *Socket) []string
	// LocalRooms returns all rooms on this server, sockets' own ones included.
	LocalRooms() []string
	// HasRoom reports whether the room has a member on this server.
	HasRoom(room string) bool
	// LocalSockets returns this server's sockets that o selects.
	LocalSockets(o *BroadcastOptions) []*Socket

	// Broadcast sends an event to the sockets that o selects.
	Broadcast(p *Packet, o *BroadcastOptions) error
	// BroadcastWithAck is Broadcast with acknowledgements, and does not wait
	// for them: it sets p's ID. counted is called once for each server, with
	// how many clients were asked there; answered with the first argument of
	// each client's acknowledgement. Both may be called concurrently, before
	// or after BroadcastWithAck has returned, and not after ctx is done.
	BroadcastWithAck(ctx context.Context, p *Packet, o *BroadcastOptions, counted func(clients int), answered func(Args)) error

	// FetchSockets describes the sockets that o selects, of all servers.
	FetchSockets(ctx context.Context, o *BroadcastOptions) ([]SocketDetails, error)
	// SocketsJoin, SocketsLeave and DisconnectSockets act on them.
	SocketsJoin(o *BroadcastOptions, rooms []string) error
	SocketsLeave(o *BroadcastOptions, rooms []string) error
	DisconnectSockets(o *BroadcastOptions, closeConnection bool) error

	// ServerSideEmit sends an event, its name first, to the other servers.
	// They pass it to Namespace.ServerSideEvent.
	ServerSideEmit(event Args) error
	// ServerSideEmitWithAck also waits for their answers, one value each. With
	// an error come the answers so far.
	ServerSideEmitWithAck(ctx context.Context, event Args) ([]Args, error)
	// ServerCount is the number of servers, this one included.
	ServerCount(ctx context.Context) (int, error)

	// PersistSession keeps s for MaxDisconnectionDuration, RestoreSession
	// returns it, once, or nil if it or what came after the offset is gone.
	PersistSession(s *Session)
	RestoreSession(ctx context.Context, pid, offset string) (*Session, error)

	// Close ends what the adapter has running, and waits for it.
	Close() error
}
