// Package redisadapter connects the Socket.IO servers of several processes through
// Redis. It uses the format of the Node packages @socket.io/redis-adapter and
// @socket.io/redis-emitter, so Go servers, Node servers and emitters share rooms.
// Options.Mode selects between its classic and its sharded adapter.
//
// A Connector is the connection of a process; Run keeps it up. Its Adapter method
// is the adapter factory of a socketio.Server. Operations on the sockets of this
// server never wait for Redis: without a connection the server works as a single
// one. The connection and its subscriptions are restored automatically. Redis does
// not store messages, so a server misses what is published while it is
// disconnected.
//
// A malformed message of another server is dropped and counted. DESIGN.md lists
// the invariants.
package redisadapter
