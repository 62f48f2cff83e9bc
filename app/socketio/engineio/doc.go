// Package engineio is a server of the Engine.IO protocol, version 4, which is
// the transport of Socket.IO. A session starts with HTTP long-polling or on a
// WebSocket, and can be upgraded from the first to the second while it runs.
//
// Quoted names in comments, such as "Handshake", are section names of the
// protocol's specification. Where the specification leaves a choice, clients
// see the behaviour of the reference server, engine.io 6.
//
// A session belongs to the Server, and so to the process: its requests may
// arrive on any connection and goroutine. An idle session is an entry in the
// session table and a timer in the event loop's wheel. On a WebSocket it has
// no goroutine; while polling it has that of the waiting request.
//
// The caller routes requests to Server.Handler, decides who may connect
// (Options.Allow, Options.AllowOrigin), and runs the eventloop.Loop. A panic in
// a Receiver closes its session; the caller contains it (cluster does), except
// in Receiver.Closed, where this package does. All exported methods may be
// called concurrently.
package engineio
