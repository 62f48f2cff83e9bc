package cluster

import (
	"os"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// InLate is when a clock that is behind has d over, from now.
func ClockAfter(behind, d time.Duration) time.Duration {
	var c clock
	now := nanos()
	c.now.Store(now - int64(behind))
	return time.Duration(c.after(d) - now)
}

// NudgeAll nudges every connection that speaks HTTP, idle or not.
func WakeReaders(s *Supervisor) {
	_ = s.call(func() {
		for _, w := range s.allWorkers() {
			w.conns.each(func(c *conn) { c.wakeReader() })
		}
	})
}

// LookForStrangers looks at the port now rather than when it is time to.
func CheckForeignListeners(s *Supervisor) {
	_ = s.call(func() { s.checkForeignListeners(s.foreignCheckedAt + foreignCheckInterval) })
}

// StopSteering takes back the program that keeps strangers from connections.
func DetachSteering(s *Supervisor) {
	_ = s.call(func() {
		_ = unix.SetsockoptInt(s.sockets[0].fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
	})
}

// Descriptor is the descriptor of the request's connection.
func Descriptor(ctx *fasthttp.RequestCtx) int { return connOf(ctx).fd }

// WorkerOf is the id of the worker that serves the request.
func WorkerOf(ctx *fasthttp.RequestCtx) int { return connOf(ctx).worker.slot.id }

// Intensity is the restart rule under a clock of the test's own.
type Intensity struct{ rule restartIntensity }

// NewIntensity makes the rule of a slot.
func NewIntensity(restarts int, window, lowest, highest time.Duration) *Intensity {
	return &Intensity{restartIntensity{maxRestarts: restarts, window: window, minBackoff: lowest, maxBackoff: highest}}
}

// Failed notes a failure at a time and returns how long the restart waits.
func (i *Intensity) RecordFailure(at time.Duration) time.Duration { return i.rule.recordFailure(at) }

// Kept is how many failures the rule remembers.
func (i *Intensity) Remembered() int { return len(i.rule.failures) }

// AddressesHeld is how many client addresses are counted.
func CountedAddresses(s *Supervisor) int {
	s.addrsMu.Lock()
	defer s.addrsMu.Unlock()
	return len(s.addrs)
}

// Sockets is how many sockets are open to be accepted on.
func SocketCount(s *Supervisor) int {
	n := 0
	_ = s.call(func() { n = len(s.sockets) })
	return n
}

// Guarded reports whether fasthttp hands the workers' connections on as they
// are.
func ServersKeepConns(s *Supervisor) bool {
	guarded := true
	_ = s.call(func() {
		for _, w := range s.allWorkers() {
			guarded = guarded && w.server.MaxConnsPerIP == 0 && w.server.KeepHijackedConns
		}
	})
	return guarded
}

// Copies are duplicates of the listening sockets, as a process that was forked
// has them until it runs its program.
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
