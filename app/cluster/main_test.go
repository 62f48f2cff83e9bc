package cluster_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"smart-factory-backend/app/testkit/leaktest"
)

// subprocessEnv names the variable that makes the test binary run one of
// subprocesses instead of the tests, with arguments.
const subprocessEnv = "CLUSTER_TEST_CHILD"

// subprocesses are programs that tests run in a process of their own, because
// they may end it or change process-wide state.
var subprocesses = map[string]func(args []string) int{
	"plain":           plainSubprocess,
	"few-descriptors": fewDescriptorsSubprocess,
	"guarded":         guardedSubprocess,
	"suspended":       suspendedSubprocess,
	"gomaxprocs":      gomaxprocsSubprocess,
	"unguarded":       unguardedSubprocess,
}

// TestMain runs a subprocess if it is asked to. Otherwise it runs the tests and
// fails if they leave goroutines behind. The tests run with GOMAXPROCS 4 on any
// machine, because it limits the number of workers.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(4)
	if program := strings.Fields(os.Getenv(subprocessEnv)); len(program) > 0 {
		os.Exit(subprocesses[program[0]](program[1:]))
	}
	os.Exit(leaktest.Run(m))
}
