package cluster

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// maxUnsent bounds what the kernel buffers of a session beyond what is in
// flight.
const maxUnsent = 64 << 10

// Session is a connection that has left HTTP and belongs to the process. No
// worker's end affects it. Its methods never block, and no goroutine or poller
// serves it: its owner watches Descriptor. One goroutine may read while
// another writes.
type Session struct {
	c *conn
	// tlsConn is the TLS layer; nil without one.
	tlsConn *tls.Conn
	// readAhead holds what was read before the connection became a Session.
	readAhead []byte

	mu         sync.Mutex // reading may make the TLS layer write
	tlsPending []byte     // encrypted bytes that are not sent yet
}

// Detach passes the connection to h once the response is sent. From then on it
// belongs to the process and to h, which must close it: recycling and
// reloading workers do not affect it. The buffers for HTTP are released. If h
// panics, the connection is closed.
//
// At shutdown the session is notified within Shutdown.Spread, see OnShutdown,
// and cut off if it is still open after Shutdown.Timeout.
func Detach(ctx *fasthttp.RequestCtx, h func(*Session)) {
	c := connOf(ctx)
	if c == nil {
		ctx.Error("this connection can't be handed over", fasthttp.StatusInternalServerError)
		return
	}
	c.detaching = true
	s := &Session{c: c}
	s.tlsConn, _ = ctx.Conn().(*tls.Conn)
	ctx.Hijack(func(nc net.Conn) {
		c.worker.guard(placeHijack, func() {
			c.detached = s
			s.readAhead = readBuffered(nc)
			if err := c.leavePoller(); err != nil {
				_ = c.Close()
			} else {
				h(s)
			}
		}, func() { _ = c.Close() })
	})
}

// Detachable reports whether a Supervisor accepted the request's connection,
// so that Detach can pass it on.
func Detachable(ctx *fasthttp.RequestCtx) bool { return connOf(ctx) != nil }

// handoverSize is at least the size of the buffer that fasthttp reads requests into.
const handoverSize = 64 << 10

var handoverBuffers = sync.Pool{New: func() any { return new([handoverSize]byte) }}

// readBuffered returns what was read of the connection and not used: a read of more
// than the buffer holds empties it. It does not read on, since a client may have sent
// any amount behind its request. An error is returned again by the next read.
func readBuffered(nc net.Conn) []byte {
	buf := handoverBuffers.Get().(*[handoverSize]byte)
	defer handoverBuffers.Put(buf)
	n, _ := nc.Read(buf[:])
	return append([]byte(nil), buf[:n]...)
}

// leavePoller removes the connection from the runtime's poller by replacing
// its descriptor with a duplicate.
func (c *conn) leavePoller() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return os.ErrClosed
	}
	// A short kernel queue: what still waits in our own can be coalesced.
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	f := c.file.Load()
	if f == nil {
		return nil
	}
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	_ = f.Close()
	c.fd = fd
	c.file.Store(nil)
	return nil
}

// Descriptor returns the socket, for an epoll set. It stays the same until
// Close.
func (s *Session) Descriptor() int { return s.c.fd }

// Layered reports whether bytes may wait in this process that the descriptor
// does not signal: in a TLS layer, or read before the connection became a
// Session.
func (s *Session) Layered() bool { return s.tlsConn != nil || len(s.readAhead) > 0 }

// TryRead reads what has arrived. The error is unix.EAGAIN if nothing has, and
// io.EOF if the peer has closed its side.
func (s *Session) TryRead(p []byte) (int, error) {
	if len(s.readAhead) > 0 {
		n := copy(p, s.readAhead)
		if s.readAhead = s.readAhead[n:]; len(s.readAhead) == 0 {
			s.readAhead = nil
		}
		return n, nil
	}
	if s.tlsConn == nil {
		return s.c.tryRead(p)
	}
	n, err := s.tlsConn.Read(p)
	_ = s.flushTLS() // reading may have produced a reply to the peer
	if n > 0 {
		return n, nil
	}
	if _, again := errors.AsType[againError](err); again {
		return 0, unix.EAGAIN
	}
	return n, err
}

// TryWrite writes as much of p as fits and returns how much. The error is
// unix.EAGAIN if no more fits; the returned bytes are written even then. With
// an empty p it sends what the TLS layer still holds.
func (s *Session) TryWrite(p []byte) (int, error) {
	if s.tlsConn == nil {
		return s.c.tryWrite(p)
	}
	if err := s.flushTLS(); err != nil || len(p) == 0 {
		return 0, err
	}
	n, err := s.tlsConn.Write(p)
	if err != nil {
		return n, err
	}
	return n, s.flushTLS()
}

// CloseWrite closes our side of the connection.
func (s *Session) CloseWrite() error {
	if s.tlsConn != nil {
		_ = s.tlsConn.CloseWrite()
	}
	s.c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) })
	return nil
}

// Close closes the connection. A second call returns net.ErrClosed.
func (s *Session) Close() error { return s.c.Close() }

// RemoteAddr returns the peer's address.
func (s *Session) RemoteAddr() net.Addr { return s.c.RemoteAddr() }

// OnShutdown sets the function that is called at shutdown when it is this
// session's turn. It should ask the peer to disconnect, and must not block. If
// the turn has passed, OnShutdown calls it at once; around that moment it may
// be called twice.
func (s *Session) OnShutdown(notify func()) { s.c.becomeSession(notify) }

// Guard calls r.Run and reports whether it returned. If it panics or ends its
// goroutine instead, there is one PanicContained event, the worker that
// accepted the connection is recycled, and r.Failed is called.
func (s *Session) Guard(r interface {
	Run()
	Failed()
},
) (returned bool) {
	s.c.worker.guard(placeWebSocket, func() {
		r.Run()
		returned = true
	}, r.Failed)
	return returned
}

// bufferTLS queues what the TLS layer writes.
func (s *Session) bufferTLS(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tlsPending = append(s.tlsPending, p...)
	return len(p), nil
}

// flushTLS sends what the TLS layer has written. The error is unix.EAGAIN if
// some of it is left.
func (s *Session) flushTLS() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.tlsPending) > 0 {
		n, err := s.c.tryWrite(s.tlsPending)
		if err != nil {
			return err
		}
		s.tlsPending = s.tlsPending[n:]
	}
	s.tlsPending = nil
	return nil
}
