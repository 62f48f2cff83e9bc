package server

import (
	"time"

	"golang.org/x/sys/unix"
)

// forgetDead has the kernel end a connection whose peer has not acknowledged
// anything for so long (TCP_USER_TIMEOUT, tcp(7)): one that went without a word
// would otherwise be sent its heartbeat for a quarter of an hour.
func forgetDead(fd int, after time.Duration) {
	// Where it can't be set, the kernel gives up later.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(after.Milliseconds()))
}
