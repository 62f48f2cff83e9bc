package socketio

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/websocket/eventloop"
)

// detach hands the request's connection to f once the response is sent. It is
// the default of engineio.Options.Detach.
func (s *Server) detach(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
	if cluster.Detachable(ctx) {
		cluster.Detach(ctx, func(session *cluster.Session) { f(session) })
		return
	}
	ctx.Hijack(func(conn net.Conn) { //nolint:forbidigo // guarded by containPanic
		containPanic(func() { s.serveHijacked(conn, f) }, func() {}, s.options.Panicked)
	})
}

// serveHijacked hands over a connection of a plain fasthttp.Server, which
// closes its own descriptor when the hijack handler returns.
func (s *Server) serveHijacked(conn net.Conn, f func(eventloop.Transport)) {
	defer func() { _ = conn.Close() }()
	t := &hijackedConn{remote: conn.RemoteAddr(), panicked: s.options.Panicked}
	if sc, ok := underlying(conn).(syscall.Conn); ok {
		var err error
		if t.fd, err = duplicate(sc); err != nil {
			return
		}
		t.unread = buffered(conn)
		f(t)
		return
	}
	// Without a descriptor of its own, as with TLS, the connection is bridged to
	// one that has. This handler copies one direction and so keeps conn open.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	bridge := os.NewFile(uintptr(pair[1]), "bridge")
	defer func() { _ = bridge.Close() }()
	t.fd = pair[0]
	f(t)
	copied := make(chan struct{})
	go func() { // ends when either side is closed
		defer close(copied)
		_, _ = io.Copy(bridge, conn)
		_ = bridge.Close() // the client has left
	}()
	_, _ = io.Copy(conn, bridge)
	_ = underlying(conn).Close() // ends the other direction
	<-copied
}

// underlying returns the connection that fasthttp accepted.
func underlying(conn net.Conn) net.Conn {
	if hijacked, ok := conn.(interface{ UnsafeConn() net.Conn }); ok {
		return hijacked.UnsafeConn()
	}
	return conn
}

// duplicate returns a descriptor for the same socket, which the caller closes.
func duplicate(sc syscall.Conn) (int, error) {
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var fd int
	var failed error
	err = raw.Control(func(original uintptr) {
		fd, failed = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, errors.Join(err, os.NewSyscallError("fcntl", failed))
}

// buffered returns what fasthttp has read beyond the request. It does not read
// from the network.
func buffered(conn net.Conn) []byte {
	_ = conn.SetReadDeadline(past)
	all, _ := io.ReadAll(conn)
	_ = conn.SetReadDeadline(noDeadline)
	return all
}

// hijackedConn is a connection of a plain fasthttp.Server that has left HTTP.
// Its socket does not block.
type hijackedConn struct {
	fd       int
	remote   net.Addr
	unread   []byte // received before the connection was handed over
	panicked func(value any, stack []byte)
}

var _ eventloop.Transport = (*hijackedConn)(nil)

func (c *hijackedConn) Descriptor() int      { return c.fd }
func (c *hijackedConn) RemoteAddr() net.Addr { return c.remote }
func (c *hijackedConn) CloseWrite() error    { return unix.Shutdown(c.fd, unix.SHUT_WR) }
func (c *hijackedConn) Close() error         { return unix.Close(c.fd) }

// Layered is true while a full read may leave bytes behind.
func (c *hijackedConn) Layered() bool { return len(c.unread) > 0 }

func (c *hijackedConn) TryRead(p []byte) (int, error) {
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	n, err := retryInterrupted(func() (int, error) { return unix.Read(c.fd, p) })
	if n == 0 && err == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return n, err
}

func (c *hijackedConn) TryWrite(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return retryInterrupted(func() (int, error) { return unix.Write(c.fd, p) })
}

func retryInterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// Guard is described at eventloop.Transport.
func (c *hijackedConn) Guard(r interface {
	Run()
	Failed()
},
) bool {
	returned := false
	containPanic(func() { r.Run(); returned = true }, r.Failed, c.panicked)
	return returned
}

// OnShutdown has nothing to register: Server.Close drains the sessions.
func (c *hijackedConn) OnShutdown(func()) {}
