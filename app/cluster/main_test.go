package cluster_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// childEnv names the child program that the test binary is to be, with its
// arguments; see startChild.
const childEnv = "CLUSTER_TEST_CHILD"

// children are the programs that the tests run in a process of their own,
// because they may end it or change what belongs to the whole process.
var children = map[string]func(args []string) int{
	"bystander":   bystanderChild,
	"descriptors": descriptorsChild,
	"guarded":     guardedChild,
	"paused":      pausedChild,
	"procs":       procsChild,
	"unguarded":   unguardedChild,
}

// TestMain lends itself to children, and fails on goroutines that the tests
// have left behind. The tests run on four processors whatever the machine has,
// because the number of workers is capped by that.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(4)
	if program := strings.Fields(os.Getenv(childEnv)); len(program) > 0 {
		os.Exit(children[program[0]](program[1:]))
	}
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
		var left [][]byte
		for _, stack := range goroutines() {
			if !permanent(stack) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// goroutines returns the stack of each goroutine but the calling one.
func goroutines() [][]byte {
	all := make([]byte, 8<<20)
	all = all[:runtime.Stack(all, true)]
	return bytes.Split(bytes.TrimSpace(all), []byte("\n\n"))[1:]
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
