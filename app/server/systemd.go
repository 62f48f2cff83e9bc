package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// inheritedSockets returns the listening sockets that systemd has passed
// (sd_listen_fds(3)), none where it has not.
func inheritedSockets() []*os.File { return activation.Files(true) }

// notify tells systemd about the process (sd_notify(3)); elsewhere it does
// nothing.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd not told", slog.String(keyError, err.Error()))
	}
}

// reloading is what a Type=notify-reload unit expects before a reload.
func reloading() string {
	return fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, monotonicMicros())
}

// feedWatchdog tells systemd that the process is alive, for as long as alive
// says so and until ctx ends. It does nothing where no watchdog waits.
func feedWatchdog(ctx context.Context, log *slog.Logger, alive func() bool) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if alive() {
			notify(log, daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
