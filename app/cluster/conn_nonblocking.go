package cluster

import (
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// againError is unix.EAGAIN in the form that crypto/tls takes for a temporary
// error, after which the connection can still be used.
type againError struct{}

func (againError) Error() string   { return unix.EAGAIN.Error() }
func (againError) Timeout() bool   { return true }
func (againError) Temporary() bool { return true }

// tryRead reads without waiting.
func (c *conn) tryRead(p []byte) (int, error) {
	n, errno := transfer(unix.SYS_RECVFROM, c.fd, p)
	switch {
	case errno == unix.EAGAIN:
		return 0, unix.EAGAIN
	case errno != 0:
		c.peerGone.Store(true)
		return 0, c.opError("read", errno)
	case n == 0 && len(p) > 0:
		c.peerGone.Store(true)
		return 0, io.EOF
	}
	return n, nil
}

// tryWrite writes without waiting.
func (c *conn) tryWrite(p []byte) (int, error) {
	n, errno := transfer(unix.SYS_SENDTO, c.fd, p)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, unix.EAGAIN
	default:
		c.peerGone.Store(true)
		return 0, c.opError("write", errno)
	}
}

// transfer is recv(2) or send(2) without blocking. It bypasses the scheduler:
// handing the processor over and getting it back would take longer than the
// call.
func transfer(trap uintptr, fd int, p []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), 0 //nolint:gosec // no more than len(p)
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
