// Command bench measures the server beside its peers, in one run in which all
// of them take turns, so that a busy neighbour disturbs each alike:
//
//   - health: CPU per request of GET /api/health against a bare fasthttp
//     server on SO_REUSEPORT sockets (see bare) and nginx, with connections
//     kept alive and with one for each request
//   - ingest: durable telemetry, one reading or a thousand in a request
//   - append, read, write, growth (together: store): the store without and with
//     HTTP before it, against SQLite with a row for each point and PostgreSQL,
//     with our engine and as one plain table; what a point costs while the store
//     grows to 50 million points (see storage)
//   - day: 24 hours of 10 000 series, 864 million points; only when asked for
//   - start: from exec to the first 200
//   - echo, fanout, idle: what a message costs that comes back to its sender
//     and one that goes to a thousand, and what memory a connection takes on
//     which nothing happens; raw WebSockets and Socket.IO sessions of
//     app/socketio/example against Node.js (see node), centrifuge and
//     fasthttp/websocket (see peer); and the least that a server can do (see
//     epoll), which says how much of each figure is the kernel's
//
// It builds the servers, starts and stops them itself, and prints medians with
// the least and the most of all rounds. Ratios are taken within a round. The
// CPU time of a server is that of its processes alone; the load comes from one
// thread of this program (see loop and crowd), which is cheaper than any of them.
package main
