package cluster

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// Wait lets a handler wait until it has something to send, such as in long
// polling, and notice if the client disconnects meanwhile. A handler has no
// other way to notice, since nothing reads from the connection while it runs.
type Wait struct {
	c     *conn // nil if no supervisor accepted the connection
	file  *os.File
	woken atomic.Bool
	wake  chan struct{} // used if c is nil
}

// NewWait returns a Wait for the handler of a request. It is used once.
func NewWait(ctx *fasthttp.RequestCtx) *Wait {
	w := &Wait{c: connOf(ctx)}
	if w.c == nil {
		w.wake = make(chan struct{})
		return w
	}
	w.file, _ = w.c.poll() // fails if the connection is closed, which Wait reports
	return w
}

// Wake ends the wait, or the next one if none has begun. Any goroutine may
// call it, any number of times, even after the end of the request. It does not
// block.
func (w *Wait) Wake() {
	switch {
	case w.woken.Swap(true):
	case w.wake != nil:
		close(w.wake)
	case w.file != nil:
		// Reads of a request survive this: each checks conn.read.
		_ = w.file.SetReadDeadline(past)
	}
}

var past = time.Unix(1, 0)

// Wait waits until Wake is called or the client disconnects, and reports
// whether it disconnected: it has closed the connection or its side of it, or
// is unreachable. The handler calls it once.
func (w *Wait) Wait() (disconnected bool) {
	switch {
	case w.wake != nil:
		<-w.wake
		return false
	case w.file == nil:
		return true
	}
	raw, err := w.file.SyscallConn()
	if err != nil {
		return true
	}
	w.c.pauseWatchdog()
	defer w.c.progress()
	deadline := &w.c.read
	before := deadline.at.Load()
	defer func() {
		if deadline.at.Load() == never {
			deadline.setNanos(before)
		}
		deadline.rearm()
	}()
	for {
		err := raw.Read(func(fd uintptr) bool {
			disconnected = hasHungUp(int(fd)) //nolint:gosec // a descriptor
			return disconnected || w.woken.Load()
		})
		switch {
		case err == nil:
			return disconnected
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return true
		case w.woken.Load():
			return false
		}
		// It was the read timeout of the request, or wakeReader. Neither
		// applies before the response.
		deadline.setNanos(never)
		deadline.rearm()
	}
}

// hasHungUp reports whether the peer has closed its side.
func hasHungUp(fd int) bool {
	const hangUp = unix.POLLRDHUP | unix.POLLHUP | unix.POLLERR
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // a descriptor
	n, err := retryEINTR(func() (int, error) { return unix.Poll(fds, 0) })
	return err == nil && n > 0 && fds[0].Revents&hangUp != 0
}
