package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// reportHeap prints how much is live in the heap whenever SIGUSR2 asks for it,
// as the benchmark does. It does not return.
func reportHeap(out io.Writer) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	for range asked {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		_, _ = fmt.Fprintf(out, "heap %d\n", stats.HeapAlloc)
	}
}
