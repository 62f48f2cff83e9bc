// Package socketio is a Socket.IO server: protocol 5 on Engine.IO 4, for the
// official JavaScript clients 3.x and 4.x and other clients of that protocol.
//
//	io, err := socketio.NewServer(socketio.Options{})
//	...
//	io.On("chat", func(e *socketio.Event) {
//		_ = e.Socket.Broadcast().Emit("chat", e.Args)
//	})
//	go (&fasthttp.Server{Handler: io.Handler}).ListenAndServe(":3000")
//	err = io.Run(ctx) // serves until ctx ends
//
// The API uses the names of the JavaScript server. A Server has namespaces
// (Server.Of), which clients connect to as Sockets. Sockets join rooms. Events
// go to one socket (Socket.Emit), to rooms (Namespace.To, Except, Local,
// Volatile) or to all sockets, with acknowledgements in both directions
// (Event.Ack, Socket.EmitWithAck, BroadcastOperator.EmitWithAck). Middlewares
// accept or reject sockets (Namespace.Use). FetchSockets, SocketsJoin,
// SocketsLeave and DisconnectSockets act on the sockets of all servers, and
// ServerSideEmit sends events to other servers. Recovery restores clients after
// a short disconnection.
//
// These parts follow Go instead:
//
//   - Handlers may block. The handlers of a socket run one at a time, in order,
//     on a goroutine that exists only while there are events. A handler that
//     waits, even for an acknowledgement of its own client, delays only its
//     own socket.
//   - Arguments stay encoded (Args) until a handler decodes them. The function
//     On registers a handler with a typed argument.
//   - Socket.Context and Event.Context end when the socket is disconnected.
//     Methods that wait take a context.
//   - Handlers registered for a namespace (Namespace.On) need no memory per
//     socket. Socket.On registers handlers for a single socket.
//   - A panic in a handler closes its client, a WebSocket with close code 1011,
//     and is reported (Options.Panicked).
//
// Server.Run owns the goroutines of a server. A program with an event loop of
// its own sets Options.Engine.Loop and runs that. An Adapter connects several
// servers; the one in package redisadapter is compatible with Node servers. The
// package logs nothing. All exported methods may be called concurrently unless
// their comment says otherwise. DESIGN.md explains the design, and the program
// in example serves every feature.
package socketio
