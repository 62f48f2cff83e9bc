package socketio

import "context"

// RemoteSocket is a socket found by FetchSockets, on this or another server.
type RemoteSocket struct {
	SocketDetails
	ns *Namespace
}

// Emit sends an event to the socket.
func (r *RemoteSocket) Emit(event string, args ...any) error {
	return r.ns.To(r.ID).Emit(event, args...)
}

// EmitWithAck is Emit and waits for the acknowledgement.
func (r *RemoteSocket) EmitWithAck(ctx context.Context, event string, args ...any) (Args, error) {
	answers, err := r.ns.To(r.ID).EmitWithAck(ctx, event, args...)
	if len(answers) == 0 {
		if err == nil {
			err = ErrDisconnected
		}
		return Args{}, err
	}
	return answers[0], nil
}

// Join adds the socket to rooms.
func (r *RemoteSocket) Join(rooms ...string) error { return r.ns.To(r.ID).SocketsJoin(rooms...) }

// Leave removes the socket from rooms.
func (r *RemoteSocket) Leave(rooms ...string) error { return r.ns.To(r.ID).SocketsLeave(rooms...) }

// Disconnect disconnects the socket and, with closeConnection, closes the
// connection of its client.
func (r *RemoteSocket) Disconnect(closeConnection bool) error {
	return r.ns.To(r.ID).DisconnectSockets(closeConnection)
}
