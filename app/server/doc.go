// Package server is the composition root. New wires the parts of the product
// together; Run serves until its context ends and shuts them down in reverse order.
// Run starts every goroutine that does not belong to a request or a session, and
// returns when all of them have ended.
package server
