package cluster

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// Wait is a handler's wait for something to tell its client, which ends as
// well when the client goes away: nobody reads from a connection while its
// handler runs, so a handler sees that by no other means.
type Wait struct {
	c     *conn // nil if the request came by no connection of ours
	file  *os.File
	woken atomic.Bool
	wake  chan struct{} // instead of the connection
}

// NewWait makes a wait of the request's handler. It is used once.
func NewWait(ctx *fasthttp.RequestCtx) *Wait {
	w := &Wait{c: connOf(ctx)}
	if w.c == nil {
		w.wake = make(chan struct{})
		return w
	}
	w.file, _ = w.c.poll() // without one it is closed, which Wait finds
	return w
}

// Wake ends the wait, whether it has begun or not. Any goroutine may call it,
// any number of times, also when the request is over. It does not block.
func (w *Wait) Wake() {
	switch {
	case w.woken.Swap(true):
	case w.wake != nil:
		close(w.wake)
	case w.file != nil:
		// An early deadline ends no read of a request: that asks its own.
		_ = w.file.SetReadDeadline(longAgo)
	}
}

var longAgo = time.Unix(1, 0)

// Wait waits for Wake, and reports whether the client has gone: it has closed
// the connection or its side of it, or is out of reach. It is called once, by
// the handler.
func (w *Wait) Wait() (gone bool) {
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
			gone = hungUp(int(fd)) //nolint:gosec // a descriptor
			return gone || w.woken.Load()
		})
		switch {
		case err == nil:
			return gone
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return true
		case w.woken.Load():
			return false
		}
		// It was the deadline of reading the request, or that of a worker that
		// drains: neither has anything to say before the answer.
		deadline.setNanos(never)
		deadline.rearm()
	}
}

// hungUp reports whether the peer has closed its side.
func hungUp(fd int) bool {
	const ends = unix.POLLRDHUP | unix.POLLHUP | unix.POLLERR
	look := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // a descriptor
	n, err := retryEINTR(func() (int, error) { return unix.Poll(look, 0) })
	return err == nil && n > 0 && look[0].Revents&ends != 0
}
