// Package leaktest fails a package's tests if goroutines are still running after
// them. Call it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
package leaktest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// exitTimeout is how long Run waits for goroutines to end. Only a failing run
// waits that long.
const exitTimeout = time.Minute

// Run runs the tests and returns the exit code. If they pass but goroutines are
// still running, it prints their stacks and returns 1. Since most tests spend most
// of their time waiting, eight run in parallel unless the command line sets
// another number.
func Run(m *testing.M) int {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("8")
	}
	code := m.Run()
	if code != 0 {
		return code
	}
	leaks := Leaks(exitTimeout)
	if len(leaks) == 0 {
		return 0
	}
	fmt.Fprintf(os.Stderr, "%d goroutines are still running:\n\n%s\n", len(leaks), bytes.Join(leaks, []byte("\n\n")))
	return 1
}

// Leaks waits until no goroutine is left except the caller and those that the
// runtime, the test framework and libraries never end. It returns the stacks of
// the others that are still running after timeout.
func Leaks(timeout time.Duration) [][]byte {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(timeout); ; <-tick.C {
		leaks := slices.DeleteFunc(Stacks(), isPermanent)
		if len(leaks) == 0 || time.Now().After(deadline) {
			return leaks
		}
	}
}

// Stacks returns the stacks of all goroutines except the caller.
func Stacks() [][]byte {
	all := make([]byte, 8<<20)
	all = all[:runtime.Stack(all, true)]
	return bytes.Split(bytes.TrimSpace(all), []byte("\n\n"))[1:]
}

// isPermanent reports whether the goroutine runs until the process ends.
func isPermanent(stack []byte) bool {
	for _, function := range []string{
		"fasthttp.updateServerDate", // updates the Date header
		"testing.(*M).Run", "testing.(*T).Run", "testing.runFuzzing", "testing.runTests",
		"os/signal.loop", "runtime.ensureSigM", "runtime.ReadTrace",
	} {
		if bytes.Contains(stack, []byte(function)) {
			return true
		}
	}
	return false
}
