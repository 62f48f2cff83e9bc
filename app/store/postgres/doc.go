// Package postgres is the engine of factory.Store for several replicas: one
// PostgreSQL database that all of them write to and read from at once. An
// Append is durable when it returns; what one replica has acknowledged every
// other one shows. DESIGN.md beside this file has the reasons and the
// invariants.
//
// What rules a reading has to keep is the factory package's business, who may
// send it the transport's. All methods of a Store may be called concurrently.
package postgres
