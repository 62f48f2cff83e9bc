// Package leaktest fails a package's tests on goroutines that they have left
// behind. It is for TestMain alone:
//
//	func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }
package leaktest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// patience is how long goroutines may take to end; only a test run that fails
// uses it up.
const exitTimeout = time.Minute

// Run runs the tests, eight at a time unless the command line says otherwise,
// since most of them wait most of the time. It returns the exit code: not 0 if
// a test failed, or if goroutines are left, whose stacks it prints.
func Run(m *testing.M) int {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("8")
	}
	code := m.Run()
	if code != 0 {
		return code
	}
	left := Leaks(exitTimeout)
	if len(left) == 0 {
		return 0
	}
	fmt.Fprintf(os.Stderr, "%d goroutines are left behind:\n\n%s\n", len(left), bytes.Join(left, []byte("\n\n")))
	return 1
}

// Left waits until no goroutine is left but the calling one and those that
// belong to the runtime and to libraries for good. It returns the stacks of
// those that are there still after the given time.
func Leaks(patience time.Duration) [][]byte {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		var left [][]byte
		for _, stack := range Stacks() {
			if !isPermanent(stack) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// Stacks returns the stack of each goroutine but the calling one.
func Stacks() [][]byte {
	all := make([]byte, 8<<20)
	all = all[:runtime.Stack(all, true)]
	return bytes.Split(bytes.TrimSpace(all), []byte("\n\n"))[1:]
}

// permanent reports whether a goroutine is one that nobody ends.
func isPermanent(stack []byte) bool {
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
