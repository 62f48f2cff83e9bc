package server

import "golang.org/x/sys/unix"

// monotonicMicros is the clock that systemd compares reload notices by.
func monotonicMicros() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // can't fail for this clock
	return t.Nano() / 1000
}
