// Package porttest reserves ports for servers that tests start as processes. A
// port that was free when the test looked may be in use by the time the server
// starts or restarts.
package porttest

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Port is a reserved port of the loopback interface. The kernel assigns it neither
// to listeners that ask for any port nor to outgoing connections. Servers may
// listen on it by number, any number of times. While none does, connections to it
// are refused.
type Port struct {
	// Number is the port number.
	Number int
	fd     int
}

// Reserve reserves a port until Release.
func Reserve() (*Port, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	p := &Port{fd: fd}
	if err := p.bind(); err != nil {
		return nil, errors.Join(err, p.Release())
	}
	return p, nil
}

// bind binds the socket but does not listen. With SO_REUSEADDR this does not stop
// others that set the option, as servers do, from listening.
func (p *Port) bind() error {
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_REUSEADDR", err)
	}
	if err := unix.Bind(p.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	addr, err := unix.Getsockname(p.fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	p.Number = addr.(*unix.SockaddrInet4).Port
	return nil
}

// Release ends the reservation. It must be called once.
func (p *Port) Release() error { return os.NewSyscallError("close", unix.Close(p.fd)) }

// ForTest returns the number of a port that is reserved until the test ends.
func ForTest(t testing.TB) int {
	t.Helper()
	p, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Release(); err != nil {
			t.Error(err)
		}
	})
	return p.Number
}
