package eventloop

import (
	"errors"
	"net"
)

// Transport is a connection that never blocks, such as cluster.Session.
type Transport interface {
	// Descriptor is the socket to watch; it stays the same until Close.
	Descriptor() int
	// TryRead reads what has arrived. It fails with unix.EAGAIN when nothing
	// has, and with io.EOF when the peer has ended its side. A read that fills
	// less than p has taken all that there was, unless Layered.
	TryRead(p []byte) (int, error)
	// TryWrite writes what fits; unix.EAGAIN says that nothing does.
	TryWrite(p []byte) (int, error)
	// Layered reports whether bytes pass through a layer that holds some back,
	// such as TLS.
	Layered() bool
	// CloseWrite ends our side: the peer reads what was written, then the end.
	CloseWrite() error
	// Close closes the connection.
	Close() error
	// RemoteAddr is the peer's address.
	RemoteAddr() net.Addr
	// Guard calls r.Run and reports whether that returned. If it panics or ends
	// its goroutine, that is contained and reported, and r.Failed is called;
	// after runtime.Goexit the goroutine ends all the same.
	Guard(r interface {
		Run()
		Failed()
	}) bool
	// OnShutdown has leave called when the peer is to be told to go. It is called
	// at most once, at once if that moment has passed, and must not block.
	OnShutdown(leave func())
}

// Handler receives what happens on a Conn. Its methods are never called
// concurrently for one Conn.
type Handler interface {
	// Readable is called when bytes wait. It reads with Conn.Read until that
	// fails. It may block; that holds up this connection alone.
	Readable(c *Conn)
	// Failed is called after Readable has panicked. It may send some last
	// words and should end the connection; if it does not, the loop does.
	Failed(c *Conn)
	// Slow is called when the queue has grown over its bound, before it is
	// emptied. What it returns is sent before the end; nil is nothing. It is
	// called under the Conn's lock: it must not call the Conn.
	Slow() []byte
	// Closed is called once, as the last call, after the socket is closed. err
	// says why.
	Closed(err error)
}

// The reasons that Closed receives, besides what a read or a write failed with.
var (
	// ErrClosed is the end that Close or Finish brought about.
	ErrClosed = errors.New("closed")
	// ErrSlow is the end of a peer that left more unread than may wait.
	ErrSlowClient = errors.New("the peer reads too slowly")
	// ErrFailed is the end of a connection whose handler panicked.
	ErrHandlerFailed = errors.New("the connection's handler failed")
	// ErrStopped says that the loop has ended.
	ErrStopped = errors.New("the event loop has stopped")
)

// Key names data of which only the newest matters: what waits under a Key and
// has not begun to leave is replaced by what comes next under it. 0 is none.
type Key uint64
