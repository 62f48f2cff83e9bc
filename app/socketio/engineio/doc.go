// Package engineio is a server of the Engine.IO protocol, revision 4: sessions
// that begin with long polling or on a WebSocket, move from the one to the
// other while they run, and are the transport of Socket.IO.
//
// Section names in the comments are those of the protocol's specification
// ("Engine.IO Protocol", 4th version). Where that leaves a choice, the server
// does towards its clients what the reference server, engine.io 6, does.
//
// A session belongs to the Server, that is, to the process: its requests may
// arrive on any connection and any goroutine. An idle one holds its place in a
// table and a timer in the loop's wheel; on a WebSocket it has no goroutine,
// and while polling only the one of the request that waits.
//
// What stands on other people's shoulders: the caller routes requests to
// Server.Handler, decides who gets in (Options.Allow, Options.AllowOrigin), and
// runs the eventloop.Loop. A panic in a Receiver ends that session; what else
// becomes of it is the affair of whoever runs the handler. All exported
// methods may be called concurrently.
package engineio
