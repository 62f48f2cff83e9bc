package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// reportHeap prints the size of the live heap at each SIGUSR2, which the
// benchmark sends. It does not return.
func reportHeap(out io.Writer) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	for range signals {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		_, _ = fmt.Fprintf(out, "heap %d\n", stats.HeapAlloc)
	}
}
