// Package postgres implements factory.Store on a PostgreSQL database that any
// number of replicas share. An Append is durable when it returns, and what one
// replica has acknowledged is visible to queries on every other replica at
// once. DESIGN.md explains the design and its invariants.
//
// The package leaves the rules for readings to package factory and access
// control to the transports. All methods of a Store may be called
// concurrently.
package postgres
