package socketio

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/socketio/engineio"
)

var past, noDeadline = time.Unix(1, 0), time.Time{}

// newWait returns the wait of a long poll. It is the default of
// engineio.Options.Await.
func newWait(ctx *fasthttp.RequestCtx) engineio.Wait {
	if cluster.Detachable(ctx) {
		return cluster.NewWait(ctx)
	}
	w := &pollWait{woken: make(chan struct{})}
	conn := ctx.Conn()
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	if sc, ok := conn.(syscall.Conn); ok {
		w.conn = conn
		w.raw, _ = sc.SyscallConn()
	}
	return w
}

// pollWait is the wait of a long poll on a plain fasthttp.Server. Wake ends it
// by the read deadline of the connection, which is otherwise unused while the
// request's handler runs. A connection without a descriptor is not watched:
// there, a client that has disconnected is found by the next ping.
type pollWait struct {
	conn  net.Conn
	raw   syscall.RawConn // nil for none
	woken chan struct{}

	mu       sync.Mutex
	done     bool // Wake was called
	watching bool // Wait watches the connection
}

// Wake is described at engineio.Wait.
func (w *pollWait) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return
	}
	w.done = true
	close(w.woken)
	if w.watching {
		_ = w.conn.SetReadDeadline(past)
	}
}

// Wait is described at engineio.Wait.
func (w *pollWait) Wait() (gone bool) {
	if w.raw != nil && w.watch(true) {
		err := w.raw.Read(func(fd uintptr) bool {
			gone = peerClosed(int(fd)) //nolint:gosec // a descriptor
			return gone
		})
		w.watch(false)
		if gone || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return true
		}
	}
	<-w.woken
	return false
}

// watch begins or ends watching the connection. It reports whether the
// connection is watched now.
func (w *pollWait) watch(on bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watching = on && !w.done
	_ = w.conn.SetReadDeadline(noDeadline)
	return w.watching
}

// peerClosed reports whether the peer has closed its side of the socket.
func peerClosed(fd int) bool {
	const closed = unix.POLLRDHUP | unix.POLLHUP | unix.POLLERR
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}} //nolint:gosec // a descriptor
	n, err := retryInterrupted(func() (int, error) { return unix.Poll(fds, 0) })
	return err == nil && n > 0 && fds[0].Revents&closed != 0
}
