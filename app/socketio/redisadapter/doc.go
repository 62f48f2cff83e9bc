// Package redisadapter connects the Socket.IO servers of several processes
// through Redis, in the format of the Node packages @socket.io/redis-adapter
// and @socket.io/redis-emitter, so that Go servers, Node servers and emitters
// share rooms.
//
// A Redis is the process's connection, whose Run keeps it up; its Adapter
// method is the factory that a socketio.Server takes. What concerns a server's
// own sockets never waits for Redis: while it is away they are served as by a
// single server, and the connection comes back by itself, with its
// subscriptions. Redis repeats nothing: what is published while a server is
// not connected is lost to it.
//
// A peer can harm nobody by what it publishes: what is malformed is dropped
// and counted. DESIGN.md has the invariants.
package redisadapter
