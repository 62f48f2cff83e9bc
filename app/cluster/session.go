package cluster

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// maxUnsent is how much the kernel takes of a session beyond what is on the
// wire.
const maxUnsent = 64 << 10

// Session is a connection that has left HTTP behind and belongs to the
// process: no worker's end touches it. It never blocks, has no goroutine, and
// is in nobody's poller: its owner watches Descriptor. Reading and writing may
// happen at the same time, each by one goroutine.
type Session struct {
	c *conn
	// secure is the TLS layer, nil without one.
	tlsConn *tls.Conn
	// early is what the client sent before it was handed over.
	readAhead []byte

	mu         sync.Mutex // the TLS layer writes for its reader, too
	tlsPending []byte     // encrypted bytes that have not left
}

// Detach hands the connection to h once the response is sent. From then on it
// belongs to the process and to h, which has to close it: recycling and
// reloading leave it alone. What Detach needs of the connection's memory as it
// spoke HTTP is given back. If h panics, the connection is closed.
//
// At shutdown the session is told to leave in its turn of ShutdownSpread (see
// OnLeave), and cut off if it is still there when the time is up.
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
		returned := false
		defer c.worker.guard(placeHijack, &returned, func() { _ = c.Close() })
		c.detached = s
		s.readAhead = readBuffered(nc)
		if err := c.leavePoller(); err != nil {
			_ = c.Close()
		} else {
			h(s)
		}
		returned = true
	})
}

// Detachable reports whether Detach can hand over the request's connection:
// whether a Supervisor accepted it.
func Detachable(ctx *fasthttp.RequestCtx) bool { return connOf(ctx) != nil }

// buffered takes what has been read of the connection and not been used.
func readBuffered(nc net.Conn) []byte {
	var all []byte
	buf := make([]byte, 512)
	for {
		n, err := nc.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil { // EAGAIN where there is no more; any other comes again
			return all
		}
	}
}

// leavePoller takes the connection out of the runtime's poller, by going on
// with a duplicate of its descriptor.
func (c *conn) leavePoller() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return os.ErrClosed
	}
	// Little stays in the kernel's hands: what waits with us may be replaced.
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

// Descriptor is the socket, for an epoll set. It stays the same until Close.
func (s *Session) Descriptor() int { return s.c.fd }

// Layered reports whether the connection has a TLS layer, which holds back
// what it has read but not handed on.
func (s *Session) Layered() bool { return s.tlsConn != nil || len(s.readAhead) > 0 }

// TryRead reads what has arrived. It fails with unix.EAGAIN when nothing has,
// and with io.EOF when the peer has ended its side.
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
	_ = s.flushTLS() // it may have answered its peer
	if n > 0 {
		return n, nil
	}
	if _, again := errors.AsType[againError](err); again {
		return 0, unix.EAGAIN
	}
	return n, err
}

// TryWrite writes what fits. unix.EAGAIN says that nothing fits any more; what
// it counts has been taken even then, and an empty call sends on what a TLS
// layer still holds.
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

// CloseWrite ends our side.
func (s *Session) CloseWrite() error {
	if s.tlsConn != nil {
		_ = s.tlsConn.CloseWrite()
	}
	s.c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) })
	return nil
}

// Close closes the connection, once.
func (s *Session) Close() error { return s.c.Close() }

// RemoteAddr is the peer's address.
func (s *Session) RemoteAddr() net.Addr { return s.c.RemoteAddr() }

// OnLeave has leave called when the session's turn to go has come at shutdown:
// it should tell its peer, and must not block. If that moment has passed, it is
// called at once; around that moment it may be called twice.
func (s *Session) OnShutdown(leave func()) { s.c.becomeSession(leave) }

// Guard calls r.Run and reports whether that returned. If it panics or ends
// its goroutine, that is one Panicked event, the worker that the connection
// came from is recycled, and r.Failed is called.
func (s *Session) Guard(r interface {
	Run()
	Failed()
},
) (returned bool) {
	defer func() {
		if !returned {
			v := recover()
			s.c.worker.contain(placeWebSocket, v)
			r.Failed()
		}
	}()
	r.Run()
	returned = true
	return
}

// againError is unix.EAGAIN as crypto/tls knows it: what is no lasting fault
// of the connection.
type againError struct{}

func (againError) Error() string   { return unix.EAGAIN.Error() }
func (againError) Timeout() bool   { return true }
func (againError) Temporary() bool { return true }

// tryRead reads without waiting.
func (c *conn) tryRead(p []byte) (int, error) {
	n, errno := transfer(unix.SYS_RECVFROM, c.fd, p)
	switch {
	case errno == unix.EAGAIN:
		return 0, unix.EAGAIN
	case errno != 0:
		c.peerGone.Store(true)
		return 0, c.opError("read", errno)
	case n == 0 && len(p) > 0:
		c.peerGone.Store(true)
		return 0, io.EOF
	}
	return n, nil
}

// tryWrite writes without waiting.
func (c *conn) tryWrite(p []byte) (int, error) {
	n, errno := transfer(unix.SYS_SENDTO, c.fd, p)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, unix.EAGAIN
	default:
		c.peerGone.Store(true)
		return 0, c.opError("write", errno)
	}
}

// transfer is recv(2) or send(2) on a socket that does not block. The scheduler
// is not told of the call: what it would do meanwhile costs more than the call
// takes, most of all a processor that it hands on and wants back.
func transfer(trap uintptr, fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), 0 //nolint:gosec // no more than len(p)
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// hold takes what the TLS layer wants to send.
func (s *Session) bufferTLS(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tlsPending = append(s.tlsPending, p...)
	return len(p), nil
}

// sendHeld sends what the TLS layer has produced; unix.EAGAIN says that some
// of it is left.
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
