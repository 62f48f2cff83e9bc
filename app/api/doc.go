// Package api is the HTTP API: routes, access, limits, JSON in and out,
// and the one table from an error to a status. It serves requests that
// somebody else accepts (see Runtime) from a store that somebody else opened.
//
// An API is safe for concurrent use. It starts no goroutine and keeps neither
// a RequestCtx nor its bytes after a handler has returned.
package api
