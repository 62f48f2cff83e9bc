// Package live shows what happens in the plant to whoever has subscribed a
// room, over Socket.IO, plain WebSockets and Server-Sent Events.
//
// Rooms are machine:<id>, line:<site>/<area>/<line>, alarms and all. A
// subscription begins with a snapshot; each later event carries the next
// sequence number of its room. Telemetry is the newest value of each metric,
// gathered over an interval. What is shown has been committed: Store wraps a
// factory.Store for that.
//
// What a session may do depends on its key; what it costs is bounded by limits
// on sessions, rooms and bytes.
package live
