package socketio

import (
	"context"
	"time"
)

// SocketEmitter sends to one socket, with flags. It is a value, like
// BroadcastOperator.
type SocketEmitter struct {
	s     *Socket
	flags Flags
}

// Volatile drops an event, with ErrDropped, if the transport cannot send it at
// once.
func (s *Socket) Volatile() SocketEmitter { return SocketEmitter{s: s, flags: Flags{Volatile: true}} }

// Compress sets whether messages are compressed for clients that negotiated it
// (engineio.Options.Deflate). By default they are.
func (s *Socket) Compress(on bool) SocketEmitter {
	return SocketEmitter{s: s, flags: Flags{NoCompress: !on}}
}

// Timeout bounds the wait for an acknowledgement.
func (s *Socket) Timeout(d time.Duration) SocketEmitter {
	return SocketEmitter{s: s, flags: Flags{Timeout: d}}
}

// Volatile adds the flag of Socket.Volatile.
func (e SocketEmitter) Volatile() SocketEmitter {
	e.flags.Volatile = true
	return e
}

// Compress adds the flag of Socket.Compress.
func (e SocketEmitter) Compress(on bool) SocketEmitter {
	e.flags.NoCompress = !on
	return e
}

// Timeout adds the flag of Socket.Timeout.
func (e SocketEmitter) Timeout(d time.Duration) SocketEmitter {
	e.flags.Timeout = d
	return e
}

// Emit is Socket.Emit with the flags.
func (e SocketEmitter) Emit(event string, args ...any) error { return e.s.emit(event, args, e.flags) }

// EmitWithAck is Socket.EmitWithAck with the flags.
func (e SocketEmitter) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	return e.s.emitWithAck(ctx, event, args, e.flags)
}

// To selects the members of rooms except this socket.
func (e SocketEmitter) To(rooms ...string) BroadcastOperator { return e.Broadcast().To(rooms...) }

// Except selects all sockets but this one and the members of rooms.
func (e SocketEmitter) Except(rooms ...string) BroadcastOperator {
	return e.Broadcast().Except(rooms...)
}

// Broadcast selects all sockets of the namespace but this one.
func (e SocketEmitter) Broadcast() BroadcastOperator {
	return BroadcastOperator{ns: e.s.ns, o: BroadcastOptions{Except: []string{e.s.id}, Flags: e.flags}}
}

// Broadcast selects all sockets of the namespace but this one.
func (s *Socket) Broadcast() BroadcastOperator { return SocketEmitter{s: s}.Broadcast() }

// To selects the members of rooms except this socket.
func (s *Socket) To(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) BroadcastOperator { return s.Broadcast().To(rooms...) }

// Except selects all sockets but this one and the members of rooms.
func (s *Socket) Except(rooms ...string) BroadcastOperator { return s.Broadcast().Except(rooms...) }

// Local selects the other sockets of this server.
func (s *Socket) Local() BroadcastOperator { return s.Broadcast().Local() }
