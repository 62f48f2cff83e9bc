package cluster

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Temporary accept errors are tried again after these delays, doubling.
const (
	firstAcceptDelay   = 5 * time.Millisecond
	longestAcceptDelay = time.Second
)

// acceptLoop accepts the connections of one socket for one worker. It uses a
// duplicate of the socket, so that ending the loop leaves the socket open.
type acceptLoop struct {
	worker *worker
	socket *socket
	f      *os.File
	stop   chan struct{}
	killed atomic.Bool
	// beats counts accepts and answered pings.
	heartbeats atomic.Uint64

	// The supervisor's goroutine owns these.
	lastHeartbeats uint64 // beats at the last ping that was answered
	silentSince    int64  // since when pings go unanswered, in nanos; 0 if they don't
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

// run accepts until close; any other end fails the worker.
func (l *acceptLoop) run() {
	defer func() {
		l.worker.accepting.Add(-1)
		l.worker.sup.wakeUp()
	}()
	var err error
	returned := false
	defer func() {
		if !returned {
			v := recover()
			err = fmt.Errorf("panic in the accept loop: %v", v)
			l.worker.sup.observe(Event{
				Kind: PanicContained, Worker: l.worker.slot.id, Generation: l.worker.generation,
				Reason: placeAcceptLoop, Value: v, Stack: debug.Stack(),
			})
		}
		if !l.stopped() {
			l.worker.failure.CompareAndSwap(nil, &err)
		}
	}()
	err = l.acceptAll()
	returned = true
}

func (l *acceptLoop) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *acceptLoop) acceptAll() error {
	delay := firstAcceptDelay
	for {
		fd, sa, err := l.acceptOne()
		l.heartbeats.Add(1)
		if err != nil && l.stopped() {
			return errLoopEnded
		}
		switch {
		case err == nil:
			delay = firstAcceptDelay
			l.worker.serveAccepted(fd, addrPort(sa))
		case errors.Is(err, os.ErrDeadlineExceeded):
			if l.killed.Load() {
				return errKilled
			}
			_ = l.f.SetReadDeadline(time.Time{}) // it was a ping, and this the answer
		case errors.Is(err, unix.ECONNABORTED):
			// The client went away before its turn.
		case temporary(err):
			l.worker.sup.observe(Event{
				Kind: AcceptDelayed, Worker: l.worker.slot.id, Generation: l.worker.generation,
				Err: err, Delay: delay,
			})
			select {
			case <-l.stop:
				return errLoopEnded
			case <-time.After(delay):
			}
			delay = min(2*delay, longestAcceptDelay)
		default:
			return fmt.Errorf("accept: %w", err)
		}
		if l.killed.Load() {
			return errKilled
		}
	}
}

// next waits for a connection. It uses the kernel's accept directly: what the
// net package would set on each connection it inherits from the socket.
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

// temporary reports whether accept may succeed later although it failed now
// (accept(2) asks to treat a peer's network errors like that, too).
func temporary(err error) bool {
	for _, e := range []unix.Errno{
		unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EPERM,
		unix.ENETDOWN, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET,
		unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ping asks the loop for a sign of life.
func (l *acceptLoop) ping() { _ = l.f.SetReadDeadline(time.Unix(0, 1)) }

// kill ends the loop as a fault in it would.
func (l *acceptLoop) kill() {
	l.killed.Store(true)
	l.ping()
}

// close ends the loop. What it has accepted is served; what waits in the
// socket's queue waits for the next loop.
func (l *acceptLoop) close() {
	close(l.stop)
	_ = l.f.Close()
}

// drainQueue accepts what waits in the socket's queue, without waiting.
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
