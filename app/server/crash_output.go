package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
)

const (
	// maxStack limits the stack of a goroutine. Infinite recursion cannot be recovered
	// from, so it should end the process before it exhausts the memory of the machine.
	maxStack  = 64 << 20
	crashFile = "crash.log"
)

// limitCrashes prepares the process for faults that no recovery can contain: it limits
// the stack size and writes the crash output to a file in dir as well as to standard
// error. It reports the crash output of an earlier process and moves it aside.
func limitCrashes(dir string, log *slog.Logger) {
	debug.SetMaxStack(maxStack)
	path := filepath.Join(dir, crashFile)
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		if os.Rename(path, path+".last") == nil {
			log.Warn("an earlier process crashed", slog.String(keyFile, path+".last"), see("crash"))
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		log.Warn("crashes go to standard error only", slog.String(keyError, err.Error()))
		return
	}
	defer func() { _ = f.Close() }() // the runtime keeps a duplicate
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		log.Warn("crashes go to standard error only", slog.String(keyError, err.Error()))
	}
}
