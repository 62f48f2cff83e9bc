// Package api is the HTTP API: routing, authorization, limits, JSON encoding, and
// the one table that maps errors to statuses. It does not accept connections (see
// Runtime), open the store, or decode telemetry (see package ingest).
//
// An API is safe for concurrent use. It starts no goroutine, and it keeps neither
// a RequestCtx nor its bytes after a handler has returned.
package api
