package cluster

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// lateRequestTime is how long a request may take to arrive if its first bytes
// came just as its connection was to be closed.
const lateRequestTime = 5 * time.Second

// LongRequestLine reports whether the first line of the request that is being read
// has not ended. It is for an ErrorHandler that receives fasthttp.ErrSmallBuffer.
// With TLS it reports false.
func LongRequestLine(ctx *fasthttp.RequestCtx) bool {
	c := connOf(ctx)
	return c != nil && !c.lineEnded && c.worker.sup.opts.TLS == nil
}

// Read reads what has arrived, and waits if nothing has. If wakeReader was
// called it returns io.EOF instead of waiting.
func (c *conn) Read(b []byte) (int, error) {
	if c.detached != nil {
		n, err := c.tryRead(b)
		if errors.Is(err, unix.EAGAIN) {
			err = againError{}
		}
		return n, err
	}
	if c.largeHead == replayed {
		return c.replayHead(b), nil
	}
	first := c.idle()
	n, err := c.readRequest(b)
	c.received += n
	c.progress()
	if !c.lineEnded {
		c.lineEnded = bytes.IndexByte(b[:n], '\n') >= 0
	}
	if limit := c.worker.sup.opts.MaxRequestBytes; limit > 0 && c.received > limit && !c.hijacked {
		return 0, c.opError("read", errRequestTooLarge)
	}
	if first || len(c.head) > 0 {
		if c.collectHead(b[:n], first); c.largeHead == found {
			return 0, net.ErrClosed // fasthttp gives up without a response
		}
	}
	return n, err
}

// readRequest waits for bytes of a request.
func (c *conn) readRequest(b []byte) (int, error) {
	if c.file.Load() == nil && !c.closed.Load() {
		n, err := retryEINTR(func() (int, error) { return unix.Read(c.fd, b) })
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
	c.pauseWatchdog() // until Read has returned; the read deadline applies
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
			if c.idle() && !c.hasUnread() {
				return 0, io.EOF
			} // otherwise a request has just begun
			c.read.postpone(lateRequestTime, &c.worker.sup.clock)
		case !c.read.due(&c.worker.sup.clock):
		case c.idle() && c.hasUnread():
			c.read.postpone(lateRequestTime, &c.worker.sup.clock)
		case c.keepsArriving():
			c.read.postpone(c.worker.readTimeout, &c.worker.sup.clock)
		default:
			return 0, c.opError("read", os.ErrDeadlineExceeded)
		}
	}
}

// A request that arrives at least at minArrivalRate, in bytes per second, may take
// maxReadTimeouts times the read timeout.
const (
	minArrivalRate  = 1 << 10
	maxReadTimeouts = 6
)

// keepsArriving is called when the read timeout has passed since the request began
// or since the last call. It reports whether the request may take longer.
func (c *conn) keepsArriving() bool {
	due := int(c.worker.readTimeout.Seconds() * minArrivalRate)
	if c.idle() || c.hijacked || c.readTimeouts >= maxReadTimeouts-1 || c.received-c.receivedBefore < due {
		return false
	}
	c.readTimeouts++
	c.receivedBefore = c.received
	return true
}

// pauseWatchdog says that the handler waits for something that ends by itself.
func (c *conn) pauseWatchdog() {
	if since := c.busy.Load(); since != 0 {
		c.busy.CompareAndSwap(since, never)
	}
}

// progress says that the handler has made progress.
func (c *conn) progress() {
	if since := c.busy.Load(); since != 0 {
		c.busy.CompareAndSwap(since, c.worker.sup.clock.nanos())
	}
}

// Progress tells the watchdog that the handler of a request is not stuck. A handler
// that does many things one after another calls it after each.
func Progress(ctx *fasthttp.RequestCtx) {
	if c := connOf(ctx); c != nil {
		c.progress()
	}
}

// minReadRate is how many bytes per second the reader of a response must take on
// average, measured while writes wait for it.
const minReadRate = 2 << 10

// Write writes all of b. While the connection speaks HTTP, it fails if the
// peer acknowledges nothing for the write timeout, or if writes have waited for
// longer than that and the peer has taken less than minReadRate meanwhile: it would
// hold what the response needs for as long as it likes.
func (c *conn) Write(b []byte) (int, error) {
	if c.detached != nil {
		return c.detached.bufferTLS(b)
	}
	written := 0
	// While HTTP is spoken no other goroutine writes to the connection or closes it,
	// and there is usually room in the send buffer.
	http := !c.hijacked || c.detaching
	if http && !c.closed.Load() {
		c.unsent = 0
		n, err := retryEINTR(func() (int, error) { return unix.Write(c.fd, b) })
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
	unacked := c.unacknowledged()
	c.extendWrite()
	since := nanos()
	for {
		n, err := f.Write(b[written:])
		written += n
		before := unacked
		unacked = c.unacknowledged()
		if http {
			now := nanos()
			c.writeWaited += now - since
			c.writeTaken += before + n - unacked
			if since = now; c.readsTooSlowly() {
				c.readerTimedOut()
				return written, c.opError("write", os.ErrDeadlineExceeded)
			}
		}
		if err == nil {
			return written, nil
		}
		if n > 0 || unacked < before {
			c.extendWrite()
		}
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			c.peerGone.Store(true)
			return written, c.opError("write", err)
		case c.write.due(&c.worker.sup.clock):
			c.readerTimedOut()
			return written, c.opError("write", err)
		}
	}
}

// readsTooSlowly reports whether the peer has taken too little of the response.
func (c *conn) readsTooSlowly() bool {
	limit := c.extend.Load()
	return limit != 0 && c.writeWaited > limit && int64(c.writeTaken) < minReadRate*c.writeWaited/int64(time.Second)
}

// readerTimedOut gives the peer up and reports that it has not read a response.
func (c *conn) readerTimedOut() {
	c.peerGone.Store(true)
	if c.extend.Load() == 0 {
		return // not a response: who owns the connection has set the deadline
	}
	c.worker.sup.observe(ReaderTimedOut{
		Worker: c.worker.slot.id, Generation: c.worker.generation, Client: c.RemoteAddr(),
		Taken: c.writeTaken, Waited: time.Duration(c.writeWaited),
	})
}

// unacknowledged returns how many written bytes the peer has not acknowledged.
// It shows the progress of a slow peer: the kernel reports room in the send
// buffer only once a third of it is free.
func (c *conn) unacknowledged() int {
	n := 0
	c.control(func(fd int) { n, _ = unix.IoctlGetInt(fd, unix.SIOCOUTQ) })
	return n
}

func (c *conn) extendWrite() {
	if extend := c.extend.Load(); extend != 0 {
		c.write.setNanos(c.worker.sup.clock.after(time.Duration(extend)))
	}
}

// readWithin sets the read deadline to d from now; 0 removes it.
func (c *conn) readWithin(d time.Duration) {
	if d > 0 {
		c.read.setNanos(c.worker.sup.clock.after(d))
	} else {
		c.read.setNanos(never)
	}
}

// wakeReader ends the connection's wait for a request.
func (c *conn) wakeReader() {
	c.readerWoken.Store(true)
	c.read.setNanos(nanos())
}

// hasUnread reports whether the kernel holds unread bytes of the peer.
func (c *conn) hasUnread() bool {
	unread := false
	c.control(func(fd int) {
		var b [1]byte
		n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		unread = err == nil && n > 0
	})
	return unread
}

// retryEINTR calls f again whenever a signal has interrupted it.
func retryEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
