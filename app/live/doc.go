// Package live sends the state of the plant to connected clients as it changes,
// over plain WebSockets, Socket.IO and Server-Sent Events.
//
// A session subscribes to rooms: machine:ID, line:SITE/AREA/LINE, alarms and all.
// Each subscription starts with a snapshot. Every later event carries the next
// sequence number of its room. A telemetry event holds the latest value of each
// metric that changed during an interval. Only committed readings are sent: Store
// wraps a factory.Store and publishes what Append has accepted.
//
// A session's API key decides what it may do. Limits bound the number of sessions,
// the rooms per session and the bytes queued per client.
//
// The package leaves listening, HTTP routing and the event loop to its user, and
// the delivery to other processes to package hub. Everything exported may be
// called concurrently.
package live
