// Package sqlite is the embedded engine of factory.Store: one SQLite file,
// one process, no server. An Append is durable when it returns; recent points
// are also held in memory, older ones are sealed into compressed chunks.
// DESIGN.md beside this file has the reasons and the invariants.
//
// What rules a reading has to keep is the factory package's business, who may
// send it the transport's. All methods of a Store may be called concurrently.
package sqlite
