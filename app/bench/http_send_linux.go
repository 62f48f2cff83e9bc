package main

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// sendNext sends a request on the i-th connection, and connects it if needed.
// When the time is over, it leaves the connection idle.
func (l *loadGenerator) sendNext(i int) {
	c := &l.conns[i]
	c.out, c.in, c.sent, c.responded = c.out[:0], c.in[:0], 0, false
	if l.stop {
		return
	}
	c.out = l.request(c.out)
	c.started = time.Now()
	if c.fd < 0 {
		if err := l.connect(i); err != nil {
			l.fail(i, err.Error())
			return
		}
	}
	l.write(i)
}

// connect starts to connect. Writes wait until the connection is established.
func (l *loadGenerator) connect(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c := &l.conns[i]
	c.fd, c.writing = fd, false
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	to := unix.SockaddrInet4{Addr: l.address.Addr().As4(), Port: int(l.address.Port())}
	if err := unix.Connect(fd, &to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

// write sends the rest of a request, as far as the socket buffer allows.
func (l *loadGenerator) write(i int) {
	c := &l.conns[i]
	for c.sent < len(c.out) {
		n, err := unix.Write(c.fd, c.out[c.sent:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			l.watch(i, true)
			return
		case err != nil:
			l.fail(i, err.Error())
			return
		default:
			c.sent += n
		}
	}
	if c.writing {
		l.watch(i, false)
	}
}

// watch makes epoll wait for the socket to be writable, or for a response.
func (l *loadGenerator) watch(i int, writing bool) {
	c := &l.conns[i]
	if c.writing == writing {
		return
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
	if writing {
		event.Events = unix.EPOLLOUT
	}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.fd, &event); err != nil {
		l.fail(i, err.Error())
		return
	}
	c.writing = writing
}
