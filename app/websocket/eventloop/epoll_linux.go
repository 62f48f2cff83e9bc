package eventloop

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// maxEvents is how many events one epoll_wait returns at most.
const maxEvents = 256

// newEpoll opens an epoll instance and registers it with the runtime's poller,
// so that a goroutine that waits for events does not occupy a thread.
func newEpoll() (*os.File, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // else os.NewFile does not register it
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "epoll"), nil
}

// register adds the connection's socket to epoll, edge-triggered, for reading
// and writing.
func (s *shard) register(c *Conn) error {
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     c.slot, Pad: int32(c.transport.Descriptor()), //nolint:gosec // a descriptor
	}
	return s.epollCtl(unix.EPOLL_CTL_ADD, c.transport.Descriptor(), &ev)
}

// unregister removes the connection's socket from epoll.
func (s *shard) unregister(c *Conn) {
	_ = s.epollCtl(unix.EPOLL_CTL_DEL, c.transport.Descriptor(), nil)
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

// poll passes events to their connections until the epoll instance is closed.
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

// lookup sets conns to the connections of events. A late event of a closed
// connection finds none, or at worst wakes a new connection that has the same
// slot and descriptor.
func (s *shard) lookup(events []unix.EpollEvent, conns []*Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		if c := s.conns[events[i].Fd]; c != nil && int32(c.transport.Descriptor()) == events[i].Pad { //nolint:gosec // a descriptor
			conns[i] = c
		}
	}
}

// onEvents handles epoll events of the connection. It does not block.
func (c *Conn) onEvents(events uint32) {
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.hangup.Store(true)
	}
	if events&unix.EPOLLOUT != 0 {
		c.onWritable()
	}
	if events&^unix.EPOLLOUT != 0 {
		c.wake()
	}
}
