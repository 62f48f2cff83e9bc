package eventloop

import "net"

// Transport is a non-blocking connection, such as cluster.Session.
type Transport interface {
	// Descriptor returns the socket to watch. It stays the same until Close.
	Descriptor() int
	// TryRead reads what has arrived. It returns unix.EAGAIN if nothing has,
	// and io.EOF once the peer has closed its side. Unless Layered is true, a
	// read of fewer than len(p) bytes has emptied the socket.
	TryRead(p []byte) (int, error)
	// TryWrite writes as much of p as fits. It returns unix.EAGAIN if nothing
	// fits, or if the transport has taken p but holds some of it back. An
	// empty p writes what is held back.
	TryWrite(p []byte) (int, error)
	// Layered reports whether bytes pass through a layer that may hold some
	// back, such as TLS.
	Layered() bool
	// CloseWrite closes the sending side. The peer reads what was written,
	// then EOF.
	CloseWrite() error
	// Close closes the connection.
	Close() error
	// RemoteAddr returns the peer's address.
	RemoteAddr() net.Addr
	// Guard calls r.Run and reports whether it returned. If Run panics or
	// calls runtime.Goexit, Guard contains and reports that, and calls
	// r.Failed. After Goexit the goroutine still ends.
	Guard(r interface {
		Run()
		Failed()
	}) bool
	// OnShutdown registers f to be called once, when this connection's turn to
	// close comes during shutdown; at once if that has passed. f must not
	// block.
	OnShutdown(f func())
}

// Handler handles the events of a Conn. Its methods are never called
// concurrently for one Conn.
type Handler interface {
	// Readable is called when bytes have arrived. It must call Conn.Read until
	// that fails. It may block, which delays this connection only.
	Readable(c *Conn)
	// Failed is called after Readable has panicked. It may send final data and
	// should close the connection; otherwise the loop closes it.
	Failed(c *Conn)
	// Slow is called when the peer is closed with ErrSlowClient or
	// ErrOutOfMemory. The result, if not nil, is sent before the connection is
	// closed. The Conn is locked meanwhile: Slow must not call its methods.
	Slow(reason error) []byte
	// Closed is the last call, made once, after the socket is closed. err is
	// the reason.
	Closed(err error)
}

// Key identifies data of which only the newest value matters. Sending with a
// Key may replace queued data with the same Key. 0 means no key.
type Key uint64
