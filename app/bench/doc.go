// Command bench compares the server with others. The servers of one benchmark
// take turns within one run, so that other load on the machine affects all alike:
//
//   - health: CPU per request of GET /api/health, against a minimal fasthttp
//     server on SO_REUSEPORT sockets (see fasthttp) and nginx, with keep-alive and
//     with a connection per request
//   - ingest: durable telemetry, with 1 or 1 000 readings per request
//   - append, read, write, growth (together: store): the store without and with
//     HTTP, against SQLite with one row per point and PostgreSQL, both with the
//     product's engine and as a plain table; the cost of a point while the store
//     grows to 50 million points (see storebench)
//   - day: 24 hours of 10 000 series, 864 million points; only if named
//   - start: the time from exec to the first 200
//   - echo, fanout, idle: the cost of a message that comes back to its sender, and
//     of one that goes to 1 000 subscribers; the memory of an idle connection. Raw
//     WebSockets and Socket.IO sessions of app/socketio/example, against Node.js
//     (see node), centrifuge and fasthttp/websocket (see fasthttpwebsocket). A bare
//     epoll loop (see epoll) shows how much of each figure is the kernel's.
//
// The program builds, starts and stops the servers, and prints medians with the
// minimum and the maximum of all rounds. Ratios are computed within a round. A
// server's CPU time is that of its own processes. The load comes from one thread
// of this program (see loadGenerator and clientPool), which uses less CPU than any
// of the servers.
package main
