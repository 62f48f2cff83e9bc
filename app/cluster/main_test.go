package cluster_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"smart-factory-backend/app/testkit/leaktest"
)

// childEnv names the child program that the test binary is to be, with its
// arguments; see startChild.
const subprocessEnv = "CLUSTER_TEST_CHILD"

// children are the programs that the tests run in a process of their own,
// because they may end it or change what belongs to the whole process.
var subprocesses = map[string]func(args []string) int{
	"bystander":   plainSubprocess,
	"descriptors": fewDescriptorsSubprocess,
	"guarded":     guardedSubprocess,
	"paused":      suspendedSubprocess,
	"procs":       gomaxprocsSubprocess,
	"unguarded":   unguardedSubprocess,
}

// TestMain lends itself to children, and fails on goroutines that the tests
// have left behind. The tests run on four processors whatever the machine has,
// because the number of workers is capped by that.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(4)
	if program := strings.Fields(os.Getenv(subprocessEnv)); len(program) > 0 {
		os.Exit(subprocesses[program[0]](program[1:]))
	}
	os.Exit(leaktest.Run(m))
}
