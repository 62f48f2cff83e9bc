// Command epoll is the lower bound for a WebSocket server: one thread, one epoll
// set, one read per message and one write per delivery, without checks, queues or
// allocations. Its CPU time is the kernel's, which no server that reads and writes
// can avoid. It is of no other use: it assumes complete, short frames, and drops
// what does not fit into a socket buffer.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// The kinds of a connection.
const (
	handshaking = iota // before the request
	echo
	member
	publisher
)

const (
	upgradeResponse = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	okResponse      = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
)

func main() {
	address := flag.String("address", "", "`host:port` to listen on")
	flag.Parse()
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // there is no garbage
	at, err := netip.ParseAddrPort(*address)
	if err == nil {
		err = serve(at)
	}
	fmt.Fprintln(os.Stderr, "epoll:", err)
	os.Exit(1)
}

type server struct {
	epoll, listener int
	kinds           []byte // by descriptor
	members         []int
	in, out         [64 << 10]byte
}

func serve(at netip.AddrPort) error {
	s := &server{kinds: make([]byte, 1<<16)}
	var err error
	if s.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	err = errors.Join(
		unix.SetsockoptInt(s.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(s.listener, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}),
		unix.Listen(s.listener, 4096))
	if err != nil {
		return err
	}
	if s.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err := s.watch(s.listener); err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(s.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for i := range max(n, 0) {
			if fd := int(events[i].Fd); fd == s.listener {
				s.accept()
			} else {
				s.read(fd)
			}
		}
	}
}

func (s *server) watch(fd int) error {
	return unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}) //nolint:gosec // a descriptor
}

func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if fd >= len(s.kinds) || s.watch(fd) != nil {
			_ = unix.Close(fd)
			continue
		}
		s.kinds[fd] = handshaking
	}
}

func (s *server) read(fd int) {
	n, err := unix.Read(fd, s.in[:])
	switch {
	case errors.Is(err, unix.EAGAIN):
	case err != nil || n == 0:
		s.close(fd)
	case s.kinds[fd] == handshaking:
		s.handshake(fd, s.in[:n])
	default:
		s.frames(fd, s.in[:n])
	}
}

func (s *server) close(fd int) {
	for i, other := range s.members {
		if other == fd {
			s.members = append(s.members[:i], s.members[i+1:]...)
			break
		}
	}
	_ = unix.Close(fd)
}

func (s *server) handshake(fd int, request []byte) {
	response := upgradeResponse
	switch path, _, _ := bytes.Cut(bytes.TrimPrefix(request, []byte("GET ")), []byte(" ")); string(path) {
	case "/echo":
		s.kinds[fd] = echo
	case "/room":
		s.kinds[fd] = member
		s.members = append(s.members, fd)
		response += "\x81\x06joined"
	case "/publish":
		s.kinds[fd] = publisher
	default:
		response = okResponse
	}
	_, _ = unix.Write(fd, []byte(response))
}

// frames echoes or publishes masked frames of less than 126 bytes. On loopback the
// kernel does not split them.
func (s *server) frames(fd int, b []byte) {
	for len(b) >= 6 {
		size := int(b[1] &^ 0x80)
		if len(b) < 6+size || b[0]&0xf == 8 {
			s.close(fd)
			return
		}
		mask, payload := b[2:6], b[6:6+size]
		s.out[0], s.out[1] = b[0], byte(size)
		for i, c := range payload {
			s.out[2+i] = c ^ mask[i&3]
		}
		message := s.out[:2+size]
		if s.kinds[fd] == echo {
			_, _ = unix.Write(fd, message)
		} else {
			for _, to := range s.members {
				_, _ = unix.Write(to, message)
			}
		}
		b = b[6+size:]
	}
}
