package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// inheritedSockets returns the listening sockets passed by systemd (sd_listen_fds(3)),
// if any.
func inheritedSockets() []*os.File { return activation.Files(true) }

// notify sends a state to systemd (sd_notify(3)). It does nothing without systemd.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd not notified", slog.String(keyError, err.Error()))
	}
}

// reloadingMessage is the message that a Type=notify-reload unit expects before a
// reload.
func reloadingMessage() string {
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonicMicros())
}

// feedWatchdog feeds systemd's watchdog while alive returns true, until ctx ends. It
// returns at once if no watchdog is configured.
func feedWatchdog(ctx context.Context, log *slog.Logger, alive func() bool) error {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		<-ctx.Done() // nothing to feed
		return nil
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if alive() {
			notify(log, daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// monotonicMicros returns CLOCK_MONOTONIC, which systemd compares reload messages by.
func monotonicMicros() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // cannot fail for this clock
	return t.Nano() / 1000
}
