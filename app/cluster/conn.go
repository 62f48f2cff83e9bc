package cluster

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// conn is one accepted connection, from accept to Close. Reading and writing
// may be concurrent with each other and with everything else.
type conn struct {
	f      *os.File
	peer   netip.AddrPort
	worker *worker
	// over says which limit the connection is beyond; "" for none.
	over string

	read, write deadline
	// extend is how far a write that made progress moves the write deadline:
	// a slow client has to read on, not to be done. Zero on a session.
	extend atomic.Int64

	// busy is when the handler was entered, in nanos; 0 outside of it.
	busy atomic.Int64
	// idle is true between a response and the first byte of the next request.
	idle     atomic.Bool
	requests atomic.Uint64
	// last is when the connection turned idle, in nanos.
	last atomic.Int64
	// nudged asks the reader to end if nothing has arrived; see nudge.
	nudged atomic.Bool
	closed atomic.Bool

	// The goroutine that serves the connection owns what follows.
	unsent int  // responses that fasthttp holds back for pipelined requests
	ended  bool // the peer has closed its side
	handed bool // a hijack handler owns the connection now
	linger bool // the peer may still be sending a body that nobody reads

	// leave tells a session's peer to go; nil while the connection speaks HTTP.
	leave atomic.Pointer[func()]

	// home is the registry that the connection is in; its links are that
	// registry's.
	home       *registry
	next, prev *conn
}

func newConn(fd int, peer netip.AddrPort, w *worker) *conn {
	c := &conn{f: os.NewFile(uintptr(fd), "conn"), peer: peer, worker: w}
	c.read.init(c.f.SetReadDeadline)
	c.write.init(c.f.SetWriteDeadline)
	c.extend.Store(int64(w.sup.opts.WriteTimeout))
	c.idle.Store(true)
	c.last.Store(nanos())
	return c
}

// connOf finds the connection of a request; nil if it is not one of ours.
func connOf(ctx *fasthttp.RequestCtx) *conn {
	nc := ctx.Conn()
	if c, ok := nc.(*conn); ok {
		return c
	}
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		c, _ := t.NetConn().(*conn)
		return c
	}
	return nil
}

// Read reads what has arrived. A nudged connection ends here as if its peer
// had closed it, unless bytes wait: those are a request, and are served.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.f.Read(b)
		if err == nil {
			return n, nil
		}
		if err == io.EOF {
			c.ended = true
			return n, err
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			c.ended = true
			return n, c.opError("read", err)
		}
		switch {
		case c.nudged.Swap(false):
			if !c.waiting() {
				return 0, io.EOF
			}
			_ = c.read.setNanos(nanos() + int64(nudgedRead))
			c.read.due()
		case !c.read.due():
		case c.idle.Load() && c.waiting():
			// A request arrived in the moment that the idle time ended.
			_ = c.read.setNanos(nanos() + int64(nudgedRead))
			c.read.due()
		default:
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		}
	}
}

// nudgedRead is how long a request that began at the last moment may take.
const nudgedRead = 5 * time.Second

// Write writes all of b, for as long as the peer takes some of it within the
// write timeout.
func (c *conn) Write(b []byte) (int, error) {
	c.unsent = 0
	c.moveWriteDeadline()
	written := 0
	for {
		n, err := c.f.Write(b[written:])
		written += n
		if n > 0 {
			c.moveWriteDeadline()
		}
		if err == nil {
			return written, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			c.ended = true
			return written, c.opError("write", err)
		}
		if c.write.due() {
			c.ended = true
			return written, c.opError("write", os.ErrDeadlineExceeded)
		}
	}
}

func (c *conn) moveWriteDeadline() {
	if extend := c.extend.Load(); extend != 0 {
		_ = c.write.setNanos(nanos() + extend)
	}
}

// nudge ends the connection's wait for a request: the reader returns EOF
// unless bytes wait.
func (c *conn) nudge() {
	c.nudged.Store(true)
	_ = c.read.setNanos(nanos())
}

// waiting reports whether unread bytes, or the peer's end, wait in the kernel.
func (c *conn) waiting() bool {
	raw, err := c.f.SyscallConn()
	if err != nil {
		return false
	}
	waits := false
	_ = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		waits = err == nil && n > 0
	})
	return waits
}

// Close closes the connection and takes it out of its registry; only the first
// call does anything.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.linger && !c.ended {
		c.lingerOn()
	}
	err := c.f.Close()
	c.worker.sup.forget(c)
	return err
}

// lingerOn lets the peer read our last response: closing a socket whose peer
// still sends resets it, and the response may be lost (RFC 9112, section 9.6).
func (c *conn) lingerOn() {
	if c.shutdown(unix.SHUT_WR) != nil {
		return
	}
	_ = c.f.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, c.f, lingerBytes)
}

const (
	lingerTime  = time.Second
	lingerBytes = 8 << 20
)

func (c *conn) shutdown(how int) error {
	raw, err := c.f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Shutdown(int(fd), how) }); err != nil {
		return err
	}
	return failed
}

// LocalAddr returns the address that the peer connected to.
func (c *conn) LocalAddr() net.Addr {
	var addr netip.AddrPort
	if raw, err := c.f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			if sa, err := unix.Getsockname(int(fd)); err == nil {
				addr = addrPort(sa)
			}
		})
	}
	return net.TCPAddrFromAddrPort(addr)
}

// RemoteAddr returns the peer's address.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets when a Read fails, now or later.
func (c *conn) SetReadDeadline(t time.Time) error { return c.read.set(t) }

// SetWriteDeadline sets when a Write fails. While HTTP is spoken each Write
// sets it anew from Options.WriteTimeout.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.extend.Load() != 0 {
		return nil
	}
	return c.write.set(t)
}

// opError gives err the form that users of net expect.
func (c *conn) opError(op string, err error) error {
	var path *os.PathError
	switch {
	case errors.Is(err, os.ErrClosed):
		err = net.ErrClosed
	case errors.As(err, &path):
		err = os.NewSyscallError(op, path.Err)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: nil, Addr: c.RemoteAddr(), Err: err}
}
