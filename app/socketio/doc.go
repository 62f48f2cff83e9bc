// Package socketio is a Socket.IO server: protocol 5 on top of app/socketio/engineio,
// for the official JavaScript clients 3.x and 4.x and for any other client of
// that protocol.
//
// Whoever knows the original finds its words here: a Server has namespaces
// (Server.Of), which clients connect to as Sockets; sockets join rooms; events
// go to one socket (Socket.Emit), to rooms (Namespace.To, Socket.To, Except,
// Local, Volatile) or to everybody, with acknowledgements both ways
// (Event.Ack, Socket.EmitWithAck, Operator.EmitWithAck). Middlewares admit
// sockets (Namespace.Use), FetchSockets, SocketsJoin, SocketsLeave and
// DisconnectSockets act on those of all servers, ServerSideEmit speaks to the
// other servers, and Recovery brings back who was away for a moment. Arguments
// stay encoded until a handler asks for them (Args).
//
// What is different is what Go does in another way:
//
//   - Handlers block. Those of one socket run one at a time, in order, on a
//     goroutine that exists only while there is something to do; a handler
//     that waits, be it for the acknowledgement of its own client, holds up
//     its socket and nobody else.
//   - Handlers may be registered for a whole namespace (Namespace.On), which
//     costs a socket no memory; Socket.On is there too.
//   - Errors are returned, and waiting takes a context.
//   - A panic in a handler ends its client, with close code 1011 on a
//     WebSocket, and is reported (Options.Guard).
//
// Other servers are reached through an Adapter; the one in
// app/socketio/redisadapter speaks to Node servers as well. The package starts
// goroutines of the event loop only, and logs nothing. All exported methods
// may be called concurrently unless they say otherwise. DESIGN.md has the
// choices behind it; app/socketio/example is a server to try out.
package socketio
