package socketio

import (
	"context"
	"encoding/json"
	"time"
)

// BroadcastOptions select the sockets of a namespace that an operation is for.
type BroadcastOptions struct {
	// Rooms select the union of their members; without any, all sockets of the
	// namespace are selected. The id of a socket is a room of its own.
	Rooms []string
	// Except are rooms whose members are excluded.
	Except []string
	Flags  Flags
}

// Flags modify a broadcast.
type Flags struct {
	// Volatile skips sockets whose transport cannot send at once.
	Volatile bool
	// Local restricts the broadcast to this server.
	Local bool
	// NoCompress sends uncompressed, even to clients that negotiated
	// permessage-deflate (engineio.Options.Deflate).
	NoCompress bool
	// Timeout bounds the wait for acknowledgements. It is set whenever there
	// are acknowledgements to wait for.
	Timeout time.Duration
}

// SocketDetails describe a socket to other servers, in their JSON form.
type SocketDetails struct {
	ID        string          `json:"id"`
	Handshake json.RawMessage `json:"handshake"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"`
}

// Session is the state of a disconnected socket that connection state recovery
// restores.
type Session struct {
	SID   string
	PID   string
	Rooms []string
	Data  *Data
	// Offset identifies the last packet that the client has received.
	Offset string

	position uint64 // of the next packet to send, in the recoveryLog
}

// AdapterFactory creates the adapter of a namespace. It is called when the
// namespace is created and must not wait for the network.
type AdapterFactory func(*Namespace) Adapter

// Adapter keeps the rooms of one namespace and delivers packets to its sockets
// on all servers. MemoryAdapter serves a single server; other adapters embed
// it and add the communication between servers.
//
// All methods may be called concurrently, and from handlers. Methods without a
// context do not wait for other servers. After Close, methods return an error
// or do nothing.
type Adapter interface {
	// Connect adds s to the namespace and to rooms. It calls welcome exactly
	// once, before any broadcast reaches s, with the packets that s missed if
	// it is being recovered. If welcome returns an error, s is not added.
	Connect(s *Socket, rooms []string, welcome func(missed []*Packet) error) error
	// Join and Leave change the rooms of a connected socket.
	Join(s *Socket, rooms ...string)
	Leave(s *Socket, rooms ...string)
	// Remove removes s from the namespace and from all its rooms, which it
	// returns.
	Remove(s *Socket) []string

	// Rooms returns the rooms that s is in, its own first.
	Rooms(s *Socket) []string
	// LocalRooms returns all rooms on this server, including the sockets' own
	// rooms.
	LocalRooms() []string
	// HasRoom reports whether the room has a member on this server.
	HasRoom(room string) bool
	// LocalSockets returns the sockets of this server that o selects.
	LocalSockets(o *BroadcastOptions) []*Socket

	// Broadcast sends an event to the sockets that o selects.
	Broadcast(p *Packet, o *BroadcastOptions) error
	// BroadcastWithAck is Broadcast with acknowledgements; it sets the ID of p
	// and does not wait. counted is called once for each server with the
	// number of clients that were asked there, and answered with the first
	// argument of each acknowledgement. Both may be called concurrently, and
	// before BroadcastWithAck has returned, but not after ctx is done.
	BroadcastWithAck(ctx context.Context, p *Packet, o *BroadcastOptions, counted func(clients int), answered func(Args)) error

	// FetchSockets describes the sockets that o selects on all servers.
	FetchSockets(ctx context.Context, o *BroadcastOptions) ([]SocketDetails, error)
	// SocketsJoin, SocketsLeave and DisconnectSockets act on the sockets that
	// o selects on all servers.
	SocketsJoin(o *BroadcastOptions, rooms []string) error
	SocketsLeave(o *BroadcastOptions, rooms []string) error
	DisconnectSockets(o *BroadcastOptions, closeConnection bool) error

	// ServerSideEmit sends an event, starting with its name, to the other
	// servers. They pass it to Namespace.ServerSideEvent.
	ServerSideEmit(event Args) error
	// ServerSideEmitWithAck also waits for one value from each of the other
	// servers. If it returns an error, it also returns the values so far.
	ServerSideEmitWithAck(ctx context.Context, event Args) ([]Args, error)
	// ServerCount returns the number of servers, including this one.
	ServerCount(ctx context.Context) (int, error)

	// PersistSession stores s for Recovery.MaxDisconnectionDuration.
	// RestoreSession removes and returns a stored session; it returns nil if
	// the session or an event after offset is no longer stored.
	PersistSession(s *Session)
	RestoreSession(ctx context.Context, pid, offset string) (*Session, error)

	// Close ends the goroutines of the adapter and waits for them.
	Close() error
}
