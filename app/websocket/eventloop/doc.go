// Package eventloop serves connections that are idle most of the time. An idle
// connection is parked: it is registered with epoll and has no goroutine, no
// timer and no buffer. When bytes arrive, a pooled goroutine calls its Handler.
// Each connection has a write queue that is bounded in bytes; everything in the
// queue leaves in one write.
//
// The package knows no protocol. The Transport accepts connections, speaks TLS
// and contains panics. The Handler parses and frames messages.
//
// All methods are safe for concurrent use unless their comment says otherwise.
package eventloop
