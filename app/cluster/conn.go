package cluster

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// conn is one accepted connection, from accept to Close.
//
// While it speaks HTTP, one goroutine reads, writes and closes it. Others may
// only inspect it, wake its reader or cut it off. Once hijacked it can be used
// like any net.Conn.
type conn struct {
	fd     int
	peer   netip.AddrPort
	worker *worker
	// overLimit names the limit that the connection exceeds; "" for none.
	overLimit string
	// exempt connections do not count for their address.
	exempt bool

	// file is the connection in the runtime's poller. It is created when a
	// read or a write has to wait for the first time. Many connections never
	// do, and save the poller, its timers and a finalizer.
	file atomic.Pointer[os.File]
	// mu keeps Close from running while another goroutine uses fd, and guards
	// the creation of file.
	mu     sync.Mutex
	closed atomic.Bool

	read, write deadline
	// extend is how far progress moves the write deadline, in nanos; 0 once
	// the connection is a session.
	extend atomic.Int64

	// busy is when the handler was entered or has last made progress, in nanos; never
	// while it waits for its client, and 0 outside of it.
	busy atomic.Int64
	// idleSince is when the connection began to wait for a request, in nanos;
	// 0 from the first byte of a request to the end of its response.
	idleSince atomic.Int64
	requests  atomic.Uint64
	// readerWoken asks the reader to return if nothing has arrived.
	readerWoken atomic.Bool
	// peerGone is true once the peer has closed its side or is unreachable.
	peerGone atomic.Bool

	// The goroutine that serves the connection owns these.
	// received counts the bytes of the current request, and lineEnded is true once
	// its first line has arrived.
	received  int
	lineEnded bool
	// writeWaited is how long writes of the current response have waited, in nanos,
	// and writeTaken how many bytes the peer has taken meanwhile.
	writeWaited int64
	writeTaken  int
	// readTimeouts is how often the read timeout was extended for the request, and
	// receivedBefore was received at the last time.
	readTimeouts, receivedBefore int
	// head is what has arrived of a request head that is not complete.
	head      []byte
	largeHead largeHead
	unsent    int  // responses that fasthttp holds back for pipelined requests
	hijacked  bool // a hijack handler owns the connection
	// detaching is set once Detach was called, and detached once the
	// connection is a Session; from then on no method here waits.
	detaching bool
	detached  *Session
	goexited  bool // the handler has called runtime.Goexit
	linger    bool // the peer may still be sending data that nobody will read

	// onShutdown asks the peer of a session to disconnect; nil while the
	// connection speaks HTTP.
	onShutdown atomic.Pointer[func()]

	// registry holds the connection, and guards the three fields.
	registry   *registry
	next, prev *conn
}

func newConn(fd int, peer netip.AddrPort, w *worker) *conn {
	c := &conn{fd: fd, peer: peer, worker: w, linger: true}
	c.read.init()
	c.write.init()
	c.extend.Store(int64(w.sup.opts.WriteTimeout))
	c.idleSince.Store(w.sup.clock.nanos())
	c.readWithin(w.readTimeout)
	return c
}

// connOf returns the connection of a request; nil if no supervisor accepted it.
func connOf(ctx *fasthttp.RequestCtx) *conn { return connIn(ctx.Conn()) }

func connIn(nc net.Conn) *conn {
	if c, ok := nc.(*conn); ok {
		return c
	}
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok {
		c, _ := t.NetConn().(*conn)
		return c
	}
	return nil
}

// workerOf returns the worker that serves a request; nil if there is none.
func workerOf(ctx *fasthttp.RequestCtx) *worker {
	if c := connOf(ctx); c != nil {
		return c.worker
	}
	return nil
}

// Peer returns the address of the client that sent the request; the zero
// address if the request is not served by a supervisor.
func Peer(ctx *fasthttp.RequestCtx) netip.Addr {
	if c := connOf(ctx); c != nil {
		return c.peer.Addr()
	}
	return netip.Addr{}
}

// idle reports whether the connection waits for a request.
func (c *conn) idle() bool { return c.idleSince.Load() != 0 }

// poll returns the connection in the runtime's poller, and puts it there first
// if it is not.
func (c *conn) poll() (*os.File, error) {
	if f := c.file.Load(); f != nil && !c.closed.Load() {
		return f, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return nil, os.ErrClosed
	}
	f := c.file.Load()
	if f == nil {
		f = os.NewFile(uintptr(c.fd), "conn")
		c.file.Store(f)
		c.read.start(f.SetReadDeadline)
		c.write.start(f.SetWriteDeadline)
	}
	return f, nil
}

// control runs f on the descriptor, unless the connection is closed.
func (c *conn) control(f func(fd int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed.Load() {
		f(c.fd)
	}
}

// cut ends the connection at once without closing it: the goroutine that owns
// it gets an error from its next read or write, and closes it.
func (c *conn) cut() {
	c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) })
}

// Close closes the connection and removes it from its registry. A second call
// returns net.ErrClosed.
func (c *conn) Close() error {
	if c.largeHead == found {
		return nil // another server serves it
	}
	if c.linger && !c.peerGone.Load() {
		c.lingeringClose()
	}
	c.mu.Lock()
	if c.closed.Load() {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed.Store(true)
	var err error
	if f := c.file.Load(); f != nil {
		err = f.Close()
	} else {
		err = unix.Close(c.fd)
	}
	c.mu.Unlock()
	c.worker.sup.releaseConn(c)
	return err
}

// A lingering close takes lingerTime, and longer while the peer sends at least
// minArrivalRate, up to maxLingerTime and maxLingerBytes.
const (
	defaultLingerTime = time.Second
	maxLingerTime     = time.Minute
	maxLingerBytes    = 8 << 20
)

// lingeringClose closes the write side and reads on until the peer closes its
// side. Closing a socket with unread data resets the connection, and the peer
// may lose the last response (RFC 9112, section 9.6).
func (c *conn) lingeringClose() {
	f, err := c.poll()
	if err != nil {
		return
	}
	c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) })
	begin, received := time.Now(), 0
	buf := make([]byte, 4<<10)
	for received < maxLingerBytes {
		earned := time.Duration(received) * time.Second / minArrivalRate
		_ = f.SetReadDeadline(begin.Add(c.worker.sup.lingerTime + min(earned, maxLingerTime)))
		n, err := f.Read(buf)
		if received += n; err != nil {
			return
		}
	}
}

// LocalAddr returns the address that the peer connected to.
func (c *conn) LocalAddr() net.Addr {
	var addr netip.AddrPort
	c.control(func(fd int) {
		if sa, err := unix.Getsockname(fd); err == nil {
			addr = addrPort(sa)
		}
	})
	return net.TCPAddrFromAddrPort(addr)
}

// RemoteAddr returns the peer's address.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline sets when a Read fails, including one that is waiting.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

// SetWriteDeadline sets when a Write fails. It has no effect while the
// connection speaks HTTP; Options.WriteTimeout applies then.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.extend.Load() == 0 {
		c.write.set(t)
	}
	return nil
}

// opError wraps err as package net does.
func (c *conn) opError(op string, err error) error {
	var path *os.PathError
	switch {
	case errors.Is(err, os.ErrClosed):
		err = net.ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = os.ErrDeadlineExceeded
	case errors.As(err, &path):
		err = os.NewSyscallError(op, path.Err)
	default:
		err = os.NewSyscallError(op, err)
	}
	return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: err}
}
