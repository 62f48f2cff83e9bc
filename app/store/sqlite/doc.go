// Package sqlite is the embedded engine of factory.Store. It stores readings
// in one SQLite file that one process uses; there is no server.
//
// Append returns once its readings are durable. Recent points are also in
// memory; older points are sealed into compressed chunks. DESIGN.md explains
// the design and lists the invariants. All methods of a Store may be called
// concurrently.
//
// The rules for readings belong to package factory, and who may send them is
// up to the transports.
package sqlite
