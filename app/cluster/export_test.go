package cluster

import (
	"os"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// ClockAfter returns how far from now a clock that is behind puts the end of d.
func ClockAfter(behind, d time.Duration) time.Duration {
	var c clock
	now := nanos()
	c.now.Store(now - int64(behind))
	return time.Duration(c.after(d) - now)
}

// WakeReaders wakes the reader of every connection that speaks HTTP, idle or
// not.
func WakeReaders(s *Supervisor) {
	_ = s.call(func() {
		for _, w := range s.allWorkers() {
			w.conns.each(func(c *conn) { c.wakeReader() })
		}
	})
}

// CheckForeignListeners checks the port now.
func CheckForeignListeners(s *Supervisor) {
	_ = s.call(func() { s.checkForeignListeners(nanos()) })
}

// DetachSteering detaches the program that keeps connections from foreign
// listeners.
func DetachSteering(s *Supervisor) {
	_ = s.call(func() {
		_ = unix.SetsockoptInt(s.sockets[0].fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
	})
}

// SetLingerTime sets how long a connection is read on after its last response.
// It is called before Run.
func SetLingerTime(s *Supervisor, d time.Duration) { s.lingerTime = d }

// Descriptor returns the descriptor of the request's connection.
func Descriptor(ctx *fasthttp.RequestCtx) int { return connOf(ctx).fd }

// WorkerOf returns the id of the worker that serves the request.
func WorkerOf(ctx *fasthttp.RequestCtx) int { return connOf(ctx).worker.slot.id }

// Intensity is the restart intensity of a slot.
type Intensity struct{ i restartIntensity }

// NewIntensity returns the restart intensity for these settings.
func NewIntensity(restarts int, window, minBackoff, maxBackoff time.Duration) *Intensity {
	return &Intensity{restartIntensity{Restart: Restart{MaxRestarts: restarts, Window: window, BackoffMin: minBackoff, BackoffMax: maxBackoff}}}
}

// RecordFailure notes a failure at a time and returns the delay of the restart.
func (i *Intensity) RecordFailure(at time.Duration) time.Duration { return i.i.recordFailure(at) }

// Remembered returns how many failures are remembered.
func (i *Intensity) Remembered() int { return len(i.i.failures) }

// CountedAddresses returns how many client addresses have a count.
func CountedAddresses(s *Supervisor) int {
	s.limiter.mu.Lock()
	defer s.limiter.mu.Unlock()
	return len(s.limiter.byAddr)
}

// SocketCount returns how many listening sockets are open.
func SocketCount(s *Supervisor) int {
	n := 0
	_ = s.call(func() { n = len(s.sockets) })
	return n
}

// ServersKeepConns reports whether the workers' fasthttp servers neither wrap
// connections nor reuse hijacked ones.
func ServersKeepConns(s *Supervisor) bool {
	keep := true
	_ = s.call(func() {
		for _, w := range s.allWorkers() {
			keep = keep && w.server.MaxConnsPerIP == 0 && w.server.KeepHijackedConns
		}
	})
	return keep
}

// DuplicateSockets duplicates the listening sockets, as fork does for a
// process that has not called exec yet.
func DuplicateSockets(s *Supervisor) (files []*os.File) {
	_ = s.call(func() {
		for _, sock := range s.sockets {
			if fd, err := unix.FcntlInt(uintptr(sock.fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
				files = append(files, os.NewFile(uintptr(fd), "copy"))
			}
		}
	})
	return files
}
