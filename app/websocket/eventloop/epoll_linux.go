package eventloop

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// eventBatch is how many events are taken at once.
	maxEvents = 256
	// corkTime is how long what a handler sends may wait for more of it.
	corkDelay = time.Millisecond
)

// shard is one epoll set, its connections, and the list of those that have
// something to send.
type shard struct {
	loop *Loop
	// epoll is the set, itself watched by the runtime's poller: a goroutine
	// that waits for it takes no thread.
	epoll *os.File

	mu    sync.Mutex
	conns []*Conn // by slot; nil where one is free
	free  []int32
	count int
	ended bool

	out struct {
		mu           sync.Mutex
		ready, later []*Conn
		woken, armed bool
	}
	flushSignal chan struct{}
	corkTimer   *time.Timer // fires when what is in later has waited long enough
}

func newShard(l *Loop) (*shard, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or the runtime takes it for a file
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	s := &shard{loop: l, epoll: os.NewFile(uintptr(fd), "epoll"), flushSignal: make(chan struct{}, 1)}
	s.corkTimer = time.NewTimer(time.Hour)
	return s, nil
}

// add puts the connection into the set.
func (s *shard) addConn(c *Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrStopped
	}
	if n := len(s.free); n > 0 {
		c.slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c.slot = int32(len(s.conns)) //nolint:gosec // as many as descriptors
		s.conns = append(s.conns, nil)
	}
	s.conns[c.slot] = c
	s.count++
	return nil
}

// watchFor has the kernel report the connection's events.
func (s *shard) register(c *Conn) error {
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     c.slot, Pad: int32(c.transport.Descriptor()), //nolint:gosec // a descriptor
	}
	return s.epollCtl(unix.EPOLL_CTL_ADD, c.transport.Descriptor(), &ev)
}

func (s *shard) epollCtl(op, fd int, ev *unix.EpollEvent) error {
	raw, err := s.epoll.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(set uintptr) { failed = unix.EpollCtl(int(set), op, fd, ev) }); err != nil {
		return ErrStopped
	}
	return os.NewSyscallError("epoll_ctl", failed)
}

// remove takes the connection out of the set, before its socket is closed.
func (s *shard) removeConn(c *Conn) {
	_ = s.epollCtl(unix.EPOLL_CTL_DEL, c.transport.Descriptor(), nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.slot] = nil
	s.free = append(s.free, c.slot)
	s.count--
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// endAll ends every connection and lets no more in.
func (s *shard) closeAll() {
	s.mu.Lock()
	s.ended = true
	all := append([]*Conn(nil), s.conns...)
	s.mu.Unlock()
	for _, c := range all {
		if c != nil {
			c.fail(ErrStopped)
		}
	}
}

// watch hands out events until the set is closed.
func (s *shard) poll() error {
	raw, err := s.epoll.SyscallConn()
	if err != nil {
		return err
	}
	events := make([]unix.EpollEvent, maxEvents)
	conns := make([]*Conn, maxEvents)
	for {
		n := 0
		var failed error
		err := raw.Read(func(set uintptr) bool {
			for {
				n, failed = unix.EpollWait(int(set), events, 0)
				if !errors.Is(failed, unix.EINTR) {
					return n != 0
				}
			}
		})
		switch {
		case err != nil:
			return nil // closed
		case failed != nil:
			return fmt.Errorf("epoll_wait: %w", failed)
		}
		s.lookup(events[:n], conns)
		for i, c := range conns[:n] {
			if c != nil {
				c.onEvents(events[i].Events)
			}
			conns[i] = nil
		}
	}
}

// look finds the connections of events. An event of a connection that is gone
// finds none, or at worst wakes the next one with its slot and descriptor.
func (s *shard) lookup(events []unix.EpollEvent, conns []*Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		if c := s.conns[events[i].Fd]; c != nil && int32(c.transport.Descriptor()) == events[i].Pad { //nolint:gosec // a descriptor
			conns[i] = c
		}
	}
}

// schedule has the connection's queue flushed: at once, or soon if its handler
// is at work and may send more.
func (s *shard) schedule(c *Conn, soon bool) {
	o := &s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if soon {
		o.later = append(o.later, c)
		if !o.armed {
			o.armed = true
			s.corkTimer.Reset(corkDelay)
		}
		return
	}
	o.ready = append(o.ready, c)
	if !o.woken {
		o.woken = true
		s.flushSignal <- struct{}{} // never waits: woken is false when it is empty
	}
}

// flushQueues writes what waits, for all connections of the shard.
func (s *shard) flushQueues() {
	defer s.corkTimer.Stop()
	var work []*Conn
	for {
		fired := false
		select {
		case <-s.flushSignal:
		case <-s.corkTimer.C:
			fired = true
		case <-s.loop.stopped:
			return
		}
		o := &s.out
		o.mu.Lock()
		if fired {
			o.armed = false
			work, o.later = o.later, work[:0]
		} else {
			o.woken = false
			work, o.ready = o.ready, work[:0]
		}
		o.mu.Unlock()
		for i, c := range work {
			c.flushScheduled()
			work[i] = nil
		}
		if cap(work) > 4096 {
			work = nil
		}
	}
}
