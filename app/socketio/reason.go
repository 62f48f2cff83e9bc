package socketio

import "smart-factory-backend/app/socketio/engineio"

// Reason is why a socket was disconnected, with the text of the reference
// implementation.
type Reason = engineio.Reason

// The reasons.
const (
	// ClientDisconnect: the client left the namespace.
	ClientDisconnect Reason = "client namespace disconnect"
	// ServerDisconnect: Socket.Disconnect.
	ServerDisconnect Reason = "server namespace disconnect"
	// TransportClose: the connection was closed by the client or by the
	// network.
	TransportClose = engineio.TransportClose
	// TransportError: the connection failed.
	TransportError = engineio.TransportError
	// PingTimeout: the client did not answer a ping.
	PingTimeout = engineio.PingTimeout
	// ParseError: the client sent an invalid packet.
	ParseError = engineio.ParseError
	// ForcedClose: the Engine.IO session was closed by the server.
	ForcedClose = engineio.ForcedClose
	// ForcedServerClose: Socket.Disconnect closed the connection, the client
	// sent an unexpected packet, or a handler panicked.
	ForcedServerClose Reason = "forced server close"
	// ServerShuttingDown: Server.Close.
	ServerShuttingDown = engineio.ServerShutdown
	// SlowClient: the send queue exceeded its limit. The reference
	// implementation has no such limit.
	SlowClient = engineio.SlowClient
)
