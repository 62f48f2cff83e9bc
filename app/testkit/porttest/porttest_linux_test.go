package porttest_test

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/testkit/porttest"
)

// TestKeptPort: a server may listen on the port, and again after a break, in
// which nobody is there; who does not share ports does not get it.
func TestReservedPortCanBeListenedOn(t *testing.T) {
	t.Parallel()
	port := porttest.ForTest(t)
	addr := fmt.Sprint("127.0.0.1:", port)
	for range 2 {
		if c, err := net.Dial("tcp", addr); !errors.Is(err, unix.ECONNREFUSED) {
			t.Fatalf("Dial of a kept port = %v, %v, want it refused", c, err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("Listen on a kept port = %v", err)
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("Dial of a listener on a kept port = %v", err)
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
		t.Errorf("bind without sharing = %v, want EADDRINUSE", err)
	}
}
