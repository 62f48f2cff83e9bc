// Package eventloop keeps connections that mostly wait. One that waits has no
// goroutine, no timer and no buffer: it stands in an epoll set, and a pooled
// goroutine serves it when bytes arrive. What is sent to it stands in a queue
// that is bounded in bytes, and all that waits there leaves in one write.
//
// The package knows no protocol: accepting, TLS and the containment of panics
// are the Transport's affair, framing is the Handler's.
//
// All methods are safe for concurrent use unless their comment says otherwise.
package eventloop
