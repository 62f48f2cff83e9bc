// Package porttest keeps ports for servers that tests start as processes and
// that have to be told where to listen. A port that was merely found free may be
// another's by the time that the server is there, or is back.
package porttest

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Port is a port of the loopback interface that is kept: the kernel gives it to
// nobody who asks for any port, nor to a connection. Who names it may listen on
// it, again and again; while nobody does, connections to it are refused.
type Port struct {
	Number int
	fd     int
}

// Keep keeps a port until Release.
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

// bind binds and does not listen. With SO_REUSEADDR that is no obstacle to a
// listener that has it as well, as servers do.
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

// Release keeps the port no longer. It is called once.
func (p *Port) Release() error { return os.NewSyscallError("close", unix.Close(p.fd)) }

// ForTest returns a port that is kept until the test has ended.
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
