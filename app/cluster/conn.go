package cluster

import (
	"errors"
	"io"
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
// While it speaks HTTP, one goroutine reads, writes and closes it; others only
// look at it, nudge it or cut it. A session may be used like any net.Conn.
type conn struct {
	fd     int
	peer   netip.AddrPort
	worker *worker
	// over says which limit the connection is beyond; "" for none.
	overLimit string
	// exempt connections are not counted for their address.
	exempt bool

	// file is the connection in the runtime's poller. It is made when a read
	// or a write has to wait for the first time: many a connection never does,
	// and is spared the poller, its timers and a finalizer.
	file atomic.Pointer[os.File]
	// mu holds Close off while somebody else uses fd, and guards making file.
	mu     sync.Mutex
	closed atomic.Bool

	read, write deadline
	// extend is how far a write that made progress moves the write deadline:
	// a slow client has to read on, not to be done. Zero on a session.
	extend atomic.Int64

	// busy is when the handler was entered, in nanos; 0 outside of it.
	busy atomic.Int64
	// idleSince is when the connection began to wait for a request, in nanos;
	// 0 from its first byte to the end of the response.
	idleSince atomic.Int64
	requests  atomic.Uint64
	// nudged asks the reader to end if nothing has arrived; see nudge.
	readerWoken atomic.Bool
	// ended is true once the peer has closed its side, or is out of reach.
	peerGone atomic.Bool

	// The goroutine that serves the connection owns what follows.
	unsent   int  // responses that fasthttp holds back for pipelined requests
	hijacked bool // a hijack handler owns the connection now
	// detaching says that Detach will hand the connection over, and session
	// that it has: from then on nothing here waits.
	detaching bool
	detached  *Session
	goexited  bool // the handler has called runtime.Goexit
	linger    bool // the peer may still be sending what nobody will read

	// leave tells a session's peer to go; nil while the connection speaks HTTP.
	onShutdown atomic.Pointer[func()]

	// home is the registry that the connection is in; its links are that
	// registry's.
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

// connOf finds the connection of a request; nil if it is not one of ours.
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

// idle reports whether the connection waits for a request.
func (c *conn) idle() bool { return c.idleSince.Load() != 0 }

// poll puts the connection into the runtime's poller, where it isn't yet.
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

// Read reads what has arrived. A nudged connection ends here as if its peer
// had closed it, unless bytes wait: those are a request, and are served.
func (c *conn) Read(b []byte) (int, error) {
	if c.detached != nil {
		n, err := c.tryRead(b)
		if errors.Is(err, unix.EAGAIN) {
			err = againError{}
		}
		return n, err
	}
	if c.file.Load() == nil && !c.closed.Load() {
		n, err := retry(func() (int, error) { return unix.Read(c.fd, b) })
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == nil:
			c.peerGone.Store(true)
			return 0, io.EOF
		case !errors.Is(err, unix.EAGAIN):
			c.peerGone.Store(true)
			return 0, c.opError("read", err)
		}
	}
	f, err := c.poll()
	if err != nil {
		return 0, c.opError("read", err)
	}
	for {
		n, err := f.Read(b)
		if err == nil {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			c.peerGone.Store(true)
			if err == io.EOF {
				return n, err
			}
			return n, c.opError("read", err)
		}
		switch {
		case c.readerWoken.Swap(false):
			if c.idle() && !c.waiting() {
				return 0, io.EOF
			} // else it has just become a request
			c.read.postpone(lateRequestTime, &c.worker.sup.clock)
		case !c.read.due(&c.worker.sup.clock):
		case c.idle() && c.waiting():
			c.read.postpone(lateRequestTime, &c.worker.sup.clock)
		default:
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		}
	}
}

// lastMoment is how long a request may take to read that began to arrive just
// as its connection was to be closed.
const lateRequestTime = 5 * time.Second

// Write writes all of b, for as long as the peer takes some of it within the
// write timeout.
func (c *conn) Write(b []byte) (int, error) {
	if c.detached != nil {
		return c.detached.bufferTLS(b)
	}
	written := 0
	// Nobody else closes it while HTTP is spoken, and most often there is room.
	if (!c.hijacked || c.detaching) && !c.closed.Load() {
		c.unsent = 0
		n, err := retry(func() (int, error) { return unix.Write(c.fd, b) })
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			c.peerGone.Store(true)
			return 0, c.opError("write", err)
		}
		if written = max(n, 0); written == len(b) {
			return written, nil
		}
	}
	f, err := c.poll()
	if err != nil {
		return written, c.opError("write", err)
	}
	queued := c.queued()
	c.extendWrite()
	for {
		n, err := f.Write(b[written:])
		written += n
		if err == nil {
			return written, nil
		}
		before := queued
		if queued = c.queued(); n > 0 || queued < before {
			c.extendWrite()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.write.due(&c.worker.sup.clock) {
			c.peerGone.Store(true)
			return written, c.opError("write", err)
		}
	}
}

// queued is how much of what was written the peer has not acknowledged. It
// tells of a slow peer's progress, where the kernel makes room for more only
// once a third of its buffer is free.
func (c *conn) queued() int {
	n := 0
	c.control(func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQ) })
	return n
}

func (c *conn) extendWrite() {
	if extend := c.extend.Load(); extend != 0 {
		c.write.setNanos(c.worker.sup.clock.after(time.Duration(extend)))
	}
}

// readWithin gives the next bytes a time to arrive in; 0 is for ever.
func (c *conn) readWithin(d time.Duration) {
	if d > 0 {
		c.read.setNanos(c.worker.sup.clock.after(d))
	} else {
		c.read.setNanos(never)
	}
}

// retry calls f again when a signal has interrupted it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// nudge ends the connection's wait for a request: the reader returns EOF
// unless bytes wait.
func (c *conn) wakeReader() {
	c.readerWoken.Store(true)
	c.read.setNanos(nanos())
}

// control runs f on the descriptor, unless the connection is closed.
func (c *conn) control(f func(fd int)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed.Load() {
		f(c.fd)
	}
}

// waiting reports whether unread bytes wait in the kernel.
func (c *conn) waiting() bool {
	waits := false
	c.control(func(fd int) {
		var b [1]byte
		n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		waits = err == nil && n > 0
	})
	return waits
}

// cut ends the connection at once, without closing it: the goroutine that owns
// it sees its end and does that.
func (c *conn) cut() {
	c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_RDWR) })
}

// Close closes the connection and takes it out of its registry; only the first
// call does anything.
func (c *conn) Close() error {
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

// lingerOn lets the peer read our last response: closing a socket whose peer
// still sends resets it, and the response may be lost (RFC 9112, section 9.6).
func (c *conn) lingeringClose() {
	f, err := c.poll()
	if err != nil {
		return
	}
	c.control(func(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) })
	_ = f.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, f, lingerBytes)
}

const (
	lingerTime  = time.Second
	lingerBytes = 8 << 20
)

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

// SetReadDeadline sets when a Read fails, now or later.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return nil
}

// SetWriteDeadline sets when a Write fails. While HTTP is spoken it does
// nothing: each Write has Options.WriteTimeout to make some progress.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if c.extend.Load() == 0 {
		c.write.set(t)
	}
	return nil
}

// opError gives err the form that users of net expect.
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
