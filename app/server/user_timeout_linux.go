package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout makes the kernel close a connection whose peer has not acknowledged
// sent data for the given time (TCP_USER_TIMEOUT, tcp(7)). Otherwise heartbeats to a
// vanished peer would be retransmitted for about 15 minutes.
func setUserTimeout(fd int, after time.Duration) {
	// If this fails, the kernel uses its default timeout.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(after.Milliseconds()))
}
