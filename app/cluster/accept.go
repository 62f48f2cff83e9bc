package cluster

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// accept is called again this long after a temporary error. The delay doubles
// with each further error.
const (
	minAcceptDelay = 5 * time.Millisecond
	maxAcceptDelay = time.Second
)

// acceptLoop accepts the connections of one socket for one worker. It uses a
// duplicate of the socket: closing that ends the loop and leaves the socket
// open.
type acceptLoop struct {
	worker *worker
	socket *socket
	f      *os.File
	stop   chan struct{}
	killed atomic.Bool
	// heartbeats counts returns from accept, including those caused by ping.
	heartbeats atomic.Uint64

	// The watchdog owns these.
	lastHeartbeats uint64 // heartbeats when it last looked
	silentSince    int64  // when a ping was first unanswered, in nanos; 0 if none is
}

// listen starts an accept loop of w on a socket.
func (w *worker) listen(s *socket) error {
	f, err := s.duplicate()
	if err != nil {
		return err
	}
	l := &acceptLoop{worker: w, socket: s, f: f, stop: make(chan struct{})}
	w.loops = append(w.loops, l)
	w.accepting.Add(1)
	go l.run() // ended by close; the supervisor waits for worker.accepting
	return nil
}

// run accepts connections until close. Any other end fails the worker.
func (l *acceptLoop) run() {
	var err error
	returned := false
	defer func() {
		if !returned {
			v := recover()
			err = fmt.Errorf("panic in the accept loop: %v", v)
			l.worker.sup.observe(PanicContained{
				Worker: l.worker.slot.id, Generation: l.worker.generation,
				Place: placeAcceptLoop, Value: v, Stack: debug.Stack(),
			})
		}
		if !isClosed(l.stop) {
			l.worker.failure.CompareAndSwap(nil, &err)
		}
		l.worker.accepting.Add(-1)
		l.worker.sup.wakeUp()
	}()
	err = l.acceptAll()
	returned = true
}

func (l *acceptLoop) acceptAll() error {
	delay := minAcceptDelay
	for {
		fd, sa, err := l.acceptOne()
		l.heartbeats.Add(1)
		if err != nil && isClosed(l.stop) {
			return errLoopEnded
		}
		switch {
		case err == nil:
			delay = minAcceptDelay
			l.worker.serveAccepted(fd, addrPort(sa))
		case errors.Is(err, os.ErrDeadlineExceeded):
			if l.killed.Load() {
				return errKilled
			}
			_ = l.f.SetReadDeadline(time.Time{}) // it was a ping, now answered
		case errors.Is(err, unix.ECONNABORTED):
			// The client disconnected while its connection was queued.
		case isTemporary(err):
			l.worker.sup.observe(AcceptDelayed{
				Worker: l.worker.slot.id, Generation: l.worker.generation, Err: err, Delay: delay,
			})
			select {
			case <-l.stop:
				return errLoopEnded
			case <-time.After(delay):
			}
			delay = min(2*delay, maxAcceptDelay)
		default:
			return fmt.Errorf("accept: %w", err)
		}
		if l.killed.Load() {
			return errKilled
		}
	}
}

// acceptOne waits for a connection. It calls accept4(2) itself: the options
// that package net would set on each connection are inherited from the socket.
func (l *acceptLoop) acceptOne() (fd int, sa unix.Sockaddr, err error) {
	raw, err := l.f.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	var failed error
	err = raw.Read(func(listener uintptr) bool {
		for {
			fd, sa, failed = unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if !errors.Is(failed, unix.EINTR) {
				return !errors.Is(failed, unix.EAGAIN)
			}
		}
	})
	if err == nil {
		err = failed
	}
	return fd, sa, err
}

// isTemporary reports whether accept may succeed later. accept(2) asks for
// network errors of the peer to be treated like that.
func isTemporary(err error) bool {
	errno, ok := errors.AsType[unix.Errno](err)
	return ok && slices.Contains([]unix.Errno{
		unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EPERM,
		unix.ENETDOWN, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET,
		unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH,
	}, errno)
}

// ping makes accept return, so that the loop counts a heartbeat.
func (l *acceptLoop) ping() { _ = l.f.SetReadDeadline(time.Unix(0, 1)) }

// kill ends the loop as a fault in it would.
func (l *acceptLoop) kill() {
	l.killed.Store(true)
	l.ping()
}

// close ends the loop. Accepted connections are still served; those in the
// socket's queue wait for another loop.
func (l *acceptLoop) close() {
	close(l.stop)
	_ = l.f.Close()
}

// drainQueue accepts the connections that are in the socket's queue, without
// waiting, and returns how many.
func (s *socket) drainQueue(w *worker) int {
	n := 0
	for {
		fd, sa, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
			continue
		}
		if err != nil {
			return n
		}
		w.serveAccepted(fd, addrPort(sa))
		n++
	}
}
