package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// socket is one listening socket. It stays open until shutdown, whichever
// worker accepts on it: closing it would reset the connections in its accept
// queue.
type socket struct {
	fd int
	// inherited sockets are shared with other processes. They are neither
	// filtered nor emptied.
	inherited bool
	// spare is the duplicate for the next accept loop; -1 for none. It is made
	// in advance, so that a worker can be replaced when the process has run out
	// of file descriptors.
	spare int
}

// openSockets claims an address and opens n sockets on it.
func openSockets(ctx context.Context, host string, port, n int) ([]*socket, error) {
	addr, err := resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	first, err := claimAddress(host, addr)
	if err != nil {
		return nil, err
	}
	sockets := []*socket{first}
	for len(sockets) < n {
		s, err := first.openSibling()
		if err != nil {
			closeSockets(sockets)
			return nil, err
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

func closeSockets(sockets []*socket) {
	for _, s := range sockets {
		s.close()
	}
}

// resolve returns the address to bind. For an empty host it is the IPv6
// wildcard, which includes IPv4, or the IPv4 one on a host without IPv6.
func resolve(ctx context.Context, host string, port int) (netip.AddrPort, error) {
	if host == "" {
		ip := netip.IPv6Unspecified()
		if fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			ip = netip.IPv4Unspecified()
		} else {
			_ = unix.Close(fd)
		}
		return netip.AddrPortFrom(ip, uint16(port)), nil
	}
	addr, err := new(net.Resolver).LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen on host %q: %w", host, err)
	}
	return netip.AddrPortFrom(addr[0].Unmap(), uint16(port)), nil
}

// maxClaimTries is how often, every 5 ms, the winner of a simultaneous claim looks
// whether the others have given up.
const maxClaimTries = 400

// backlog is lowered to net.core.somaxconn by the kernel.
const backlog = 65535

// claimAddress opens the first socket on an address and makes sure that no other
// one listens there. Connections are accepted from the moment in which it listens.
//
// SO_REUSEPORT is set between bind and listen: a bind without it fails if another
// socket listens, and makes others fail. Processes that bind before any of them
// listens all succeed, so each looks for the others once it listens. The socket with
// the lowest inode waits until they have given up; the others give up at once.
func claimAddress(host string, addr netip.AddrPort) (*socket, error) {
	s, err := newSocket(addr, isDual(host))
	if err != nil {
		return nil, err
	}
	if bindErr := unix.Bind(s.fd, sockaddr(addr)); bindErr != nil {
		err = bindError(host, addr, bindErr)
	}
	if err == nil {
		err = s.allowSiblings()
	}
	if err == nil {
		err = s.listen(host, addr)
	}
	for tries := 0; err == nil; tries++ {
		shared, first := s.sharesAddress()
		if !shared {
			break
		}
		if !first || tries == maxClaimTries {
			s.close() // before the search for the owner, because the winner waits for it
			return nil, bindError(host, addr, unix.EADDRINUSE)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.refill()
	return s, nil
}

// isDual reports whether a socket for the host also accepts IPv4, as in Node.js.
func isDual(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip == netip.IPv6Unspecified()
}

// sharesAddress reports whether other sockets listen on the very address of s, and
// whether s has the lowest inode of all of them.
func (s *socket) sharesAddress() (shared, first bool) {
	addr, err := s.addr()
	var st unix.Stat_t
	if err != nil || unix.Fstat(s.fd, &st) != nil {
		return false, false
	}
	listening := listeningSockets(int(addr.Port()))
	own := listening[st.Ino]
	first = true
	for inode, local := range listening {
		if inode != st.Ino && local == own {
			shared = true
			first = first && st.Ino < inode
		}
	}
	return shared, first
}

// openSibling opens another socket on the address that s listens on.
func (s *socket) openSibling() (*socket, error) {
	addr, err := s.addr()
	if err != nil {
		return nil, err
	}
	only, err := unix.GetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	sib, err := newSocket(addr, err == nil && only == 0)
	if err != nil {
		return nil, err
	}
	if err = sib.allowSiblings(); err == nil {
		err = os.NewSyscallError("bind", unix.Bind(sib.fd, sockaddr(addr)))
	}
	if err == nil {
		err = sib.listen("", addr)
	}
	if err != nil {
		sib.close()
		return nil, err
	}
	sib.refill()
	return sib, nil
}

func (s *socket) listen(host string, addr netip.AddrPort) error {
	if err := unix.Listen(s.fd, backlog); err != nil {
		return bindError(host, addr, err)
	}
	return nil
}

func (s *socket) allowSiblings() error {
	return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// newSocket returns a TCP socket, not bound yet. It is not a multipath TCP
// socket because filters fail on those. Every connection inherits its options.
func newSocket(addr netip.AddrPort, dual bool) (*socket, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, os.NewSyscallError("socket", err))
	}
	if family == unix.AF_INET6 {
		only := 1
		if dual {
			only = 0
		}
		err = os.NewSyscallError("setsockopt IPV6_V6ONLY", unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only))
	}
	if err == nil {
		err = setConnOptions(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return &socket{fd: fd, spare: -1}, nil
}

func setConnOptions(fd int) error {
	for _, o := range []struct {
		name              string
		level, opt, value int
	}{
		{"SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 30},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.opt, o.value); err != nil {
			return os.NewSyscallError("setsockopt "+o.name, err)
		}
	}
	return nil
}

// inheritSocket takes over a listening socket that another process opened, and
// closes f.
func inheritSocket(f *os.File) (*socket, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	_ = f.Close()
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	s := &socket{fd: fd, inherited: true, spare: -1}
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
		s.close()
		return nil, fmt.Errorf("inherited file %q is not a listening socket", f.Name())
	}
	if err = os.NewSyscallError("set nonblocking", unix.SetNonblock(fd, true)); err == nil {
		err = setConnOptions(fd)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.refill()
	return s, nil
}

// duplicate returns a duplicate of the socket for one accept loop. Closing it
// ends that loop and does not affect the socket.
func (s *socket) duplicate() (*os.File, error) {
	s.refill()
	if s.spare < 0 {
		return nil, os.NewSyscallError("dup", unix.EMFILE)
	}
	f := os.NewFile(uintptr(s.spare), "listener")
	s.spare = -1
	s.refill()
	return f, nil
}

// refill makes the spare if it is missing and a descriptor is free.
func (s *socket) refill() {
	if s.spare >= 0 || s.fd < 0 {
		return
	}
	if fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
		s.spare = fd
	}
}

// close stops the socket from listening, even if a forked process still holds
// a duplicate: clients would wait in its queue in vain. Inherited sockets keep
// listening for their other owners.
func (s *socket) close() {
	if s.fd >= 0 && !s.inherited {
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
	}
	if s.spare >= 0 {
		_ = unix.Close(s.spare)
		s.spare = -1
	}
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

// addr returns the address that the socket is bound to.
func (s *socket) addr() (netip.AddrPort, error) {
	sa, err := unix.Getsockname(s.fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	return addrPort(sa), nil
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if zone := addr.Addr().Zone(); zone != "" {
		if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			sa.ZoneId = uint32(n)
		} else if i, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		}
	}
	return sa
}

// addrPort converts a kernel address. IPv4 addresses on a dual-stack socket
// become plain IPv4.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
