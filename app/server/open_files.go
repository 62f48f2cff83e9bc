package server

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// reservedFiles is how many files the process opens besides connections.
const reservedFiles = 200

// warnAboutOpenFiles logs a warning if the process may not open as many files as
// MAX_CONNECTIONS needs. The Go runtime has raised the soft limit to the hard one.
func (a *App) warnAboutOpenFiles() {
	var limit unix.Rlimit
	needed := uint64(a.config.MaxConnections + reservedFiles)
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < needed {
		a.log.Warn("fewer open files allowed than MAX_CONNECTIONS needs", slog.Uint64(keyLimit, limit.Cur),
			slog.Uint64(keyNeeded, needed), see("too-many-open-files"))
	}
}
