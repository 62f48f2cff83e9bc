package socketio

import "errors"

// Errors of this package, for errors.Is.
var (
	// ErrClosed: the server is closed, or Run was called before.
	ErrClosed = errors.New("socketio: server closed")
	// ErrDisconnected: the socket is not connected.
	ErrDisconnected = errors.New("socketio: socket disconnected")
	// ErrTimeout: an acknowledgement did not arrive in time.
	ErrTimeout = errors.New("socketio: operation has timed out")
	// ErrNoAck: the client did not ask for an acknowledgement.
	ErrNoAck = errors.New("socketio: no acknowledgement requested")
	// ErrAckSent: the event is already acknowledged.
	ErrAckSent = errors.New("socketio: already acknowledged")
	// ErrReserved: the protocol reserves the name of the event.
	ErrReserved = errors.New("socketio: reserved event name")
	// ErrDropped: a volatile event was not sent because the transport could
	// not send it at once.
	ErrDropped = errors.New("socketio: volatile event dropped")
	// ErrInvalid: received bytes violate the protocol.
	ErrInvalid = errors.New("socketio: invalid packet")
)
