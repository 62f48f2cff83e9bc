package engineio

import (
	"errors"

	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// Reason says why a session was closed. The values are those of the reference
// server where it has one.
type Reason string

// The reasons that this package uses. Session.Close accepts any other.
const (
	// TransportClose: the client closed the session or its connection.
	TransportClose Reason = "transport close"
	// TransportError: the client violated the transport's rules, for example
	// by two polls at once or a message that is too large.
	TransportError Reason = "transport error"
	// PingTimeout: no pong arrived in time.
	PingTimeout Reason = "ping timeout"
	// ForcedClose: the server closed the session.
	ForcedClose Reason = "forced close"
	// ParseError: the client sent an invalid packet.
	ParseError Reason = "parse error"
	// ServerShutdown: the server is shutting down.
	ServerShutdown Reason = "server shutting down"
	// SlowClient: more than Options.QueueLimit was queued for the client.
	SlowClient Reason = "slow client"
	// OutOfMemory: the sessions held too much memory, and this one was among
	// those that held most (eventloop.Options.MemoryLimit).
	OutOfMemory Reason = "out of memory"
)

// closeCode returns the close code that tells a client the reason.
func closeCode(reason Reason) int {
	switch reason {
	case ParseError, TransportError:
		return websocket.ProtocolError
	case ServerShutdown:
		return websocket.GoingAway
	case OutOfMemory:
		return websocket.TryAgainLater
	default:
		return websocket.NormalClosure
	}
}

// closeReason returns the reason for the end of a WebSocket, given the
// arguments of websocket.Handler.Closed.
func closeReason(code int, err error) Reason {
	var closeErr *websocket.CloseError
	switch {
	case errors.Is(err, eventloop.ErrSlowClient):
		return SlowClient
	case errors.Is(err, eventloop.ErrOutOfMemory):
		return OutOfMemory
	case errors.Is(err, eventloop.ErrStopped):
		return ServerShutdown
	case !errors.As(err, &closeErr) || !closeErr.ByServer:
		return TransportClose
	case code == websocket.GoingAway: // the process shuts its connections down
		return ServerShutdown
	}
	return TransportError // a violation of the WebSocket protocol, or a panic
}
