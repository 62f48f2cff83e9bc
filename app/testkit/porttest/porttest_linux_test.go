package porttest_test

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/testkit/porttest"
)

// A server can listen on a reserved port and listen again later. Without a server
// connections are refused. A socket without SO_REUSEADDR cannot bind the port.
func TestReservedPortCanBeListenedOn(t *testing.T) {
	t.Parallel()
	port := porttest.ForTest(t)
	addr := fmt.Sprint("127.0.0.1:", port)
	for range 2 {
		if c, err := net.Dial("tcp", addr); !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatalf("Dial of a reserved port = %v, %v, want ECONNREFUSED", c, err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("Listen on a reserved port = %v", err)
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("Dial of a listener on a reserved port = %v", err)
		}
		if err := errors.Join(c.Close(), l.Close()); err != nil {
			t.Fatal(err)
		}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("bind without SO_REUSEADDR = %v, want EADDRINUSE", err)
	}
}
