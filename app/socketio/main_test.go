package socketio_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails on goroutines that the tests have left behind.
func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("8") // most of them wait most of the time
	}
	code := m.Run()
	if left := leftGoroutines(10 * time.Second); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left behind:\n\n%s\n", len(left), bytes.Join(left, []byte("\n\n")))
		code = 1
	}
	os.Exit(code)
}

// leftGoroutines waits until there are no goroutines but those that belong to
// the runtime and to libraries for good; it returns what is left after patience.
func leftGoroutines(patience time.Duration) [][]byte {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		all := make([]byte, 4<<20)
		all = all[:runtime.Stack(all, true)]
		var left [][]byte
		for _, stack := range bytes.Split(bytes.TrimSpace(all), []byte("\n\n"))[1:] {
			if !permanent(stack) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// permanent reports whether a goroutine is one that nobody ends.
func permanent(stack []byte) bool {
	for _, mark := range []string{
		"fasthttp.updateServerDate", // keeps the Date header
		"testing.(*M).Run", "testing.(*T).Run", "testing.runFuzzing", "testing.runTests",
		"os/signal.loop", "runtime.ensureSigM", "runtime.ReadTrace",
	} {
		if bytes.Contains(stack, []byte(mark)) {
			return true
		}
	}
	return false
}
