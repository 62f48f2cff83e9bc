package socketio

import "errors"

// Errors of this package, for errors.Is.
var (
	// ErrClosed: the server has been closed.
	ErrClosed = errors.New("socketio: server closed")
	// ErrDisconnected: the socket is not, or no longer, connected.
	ErrDisconnected = errors.New("socketio: socket disconnected")
	// ErrTimeout: not every acknowledgement came in time.
	ErrTimeout = errors.New("socketio: operation has timed out")
	// ErrNoAck: the client asked for no acknowledgement.
	ErrNoAck = errors.New("socketio: no acknowledgement was asked for")
	// ErrAckSent: the event has been acknowledged before.
	ErrAckSent = errors.New("socketio: acknowledged already")
	// ErrReserved: the name of the event belongs to the protocol.
	ErrReserved = errors.New("socketio: reserved event name")
	// ErrDropped: a volatile event was not sent, because the client's
	// transport could not take it at once.
	ErrDropped = errors.New("socketio: volatile event dropped")
	// ErrInvalid: bytes from outside break the protocol.
	ErrInvalid = errors.New("socketio: invalid packet")
)
