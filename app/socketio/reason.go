package socketio

// Reason says why a socket was disconnected, in the words of the original.
type Reason string

// The reasons.
const (
	// ClientDisconnect: the client left the namespace.
	ClientDisconnect Reason = "client namespace disconnect"
	// ServerDisconnect: Socket.Disconnect.
	ServerDisconnect Reason = "server namespace disconnect"
	// TransportClose: the connection was closed, by the client or on its way.
	TransportClose Reason = "transport close"
	// TransportError: the connection failed.
	TransportError Reason = "transport error"
	// PingTimeout: the client did not answer a ping.
	PingTimeout Reason = "ping timeout"
	// ParseError: the client sent what is no packet.
	ParseError Reason = "parse error"
	// ForcedClose: the Engine.IO session was closed by the server.
	ForcedClose Reason = "forced close"
	// ForcedServerClose: Socket.Disconnect with the connection, or a packet
	// out of turn.
	ForcedServerClose Reason = "forced server close"
	// ServerShuttingDown: Server.Close.
	ServerShuttingDown Reason = "server shutting down"
)
