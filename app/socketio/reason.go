package socketio

import "smart-factory-backend/app/socketio/engineio"

// Reason says why a socket was disconnected, in the words of the original.
type Reason = engineio.Reason

// The reasons.
const (
	// ClientDisconnect: the client left the namespace.
	ClientDisconnect Reason = "client namespace disconnect"
	// ServerDisconnect: Socket.Disconnect.
	ServerDisconnect Reason = "server namespace disconnect"
	// TransportClose: the connection was closed, by the client or on its way.
	TransportClose = engineio.TransportClose
	// TransportError: the connection failed.
	TransportError = engineio.TransportError
	// PingTimeout: the client did not answer a ping.
	PingTimeout = engineio.PingTimeout
	// ParseError: the client sent what is no packet.
	ParseError = engineio.ParseError
	// ForcedClose: the Engine.IO session was closed by the server.
	ForcedClose = engineio.ForcedClose
	// ForcedServerClose: Socket.Disconnect with the connection, or a packet
	// out of turn.
	ForcedServerClose Reason = "forced server close"
	// ServerShuttingDown: Server.Close.
	ServerShuttingDown = engineio.ServerShutdown
	// SlowClient: more waited for the client than may. The original has no
	// such bound.
	SlowClient = engineio.SlowClient
)
