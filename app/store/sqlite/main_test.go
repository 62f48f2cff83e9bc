package sqlite_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	storage "smart-factory-backend/app/store"
	"smart-factory-backend/app/store/sqlite"
)

// The test binary runs itself as a child process in one of these roles, with
// the database at the path in the other variable.
const (
	roleVariable = "SQLITE_TEST_ROLE"
	pathVariable = "SQLITE_TEST_PATH"
)

var childRoles = map[string]func(path string) error{
	"open":  openAndCloseStore,
	"write": writeUntilKilled,
	"evict": evictUntilKilled,
	"full":  runOnFullDisk,
}

func TestMain(m *testing.M) {
	if role := childRoles[os.Getenv(roleVariable)]; role != nil {
		if err := role(os.Getenv(pathVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if left := leakedGoroutines(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines of a store have not ended:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leakedGoroutines waits for the goroutines of stores to end and returns the
// stacks of those that do not.
func leakedGoroutines() (stacks string) {
	deadline := time.Now().Add(5 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); time.Now().Before(deadline); <-tick {
		buf := make([]byte, 1<<20)
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "sqlite.(*Store).start") {
			return ""
		}
	}
	return stacks
}

// childProcess prepares this binary in a role. The process is killed when the
// test process ends.
func childProcess(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// newPath returns the path of a database that does not exist yet.
func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "factory.db") }

// mustOpen opens a store and closes it at the end of the test.
func mustOpen(t testing.TB, options sqlite.Options) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(context.Background(), options)
	if err != nil {
		t.Fatalf("Open(%q) = %v", options.Path, err)
	}
	t.Cleanup(func() { mustClose(t, store) })
	return store
}

func mustClose(t testing.TB, store *sqlite.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

func mustSeal(t testing.TB, store *sqlite.Store) {
	t.Helper()
	if err := store.SealNow(); err != nil {
		t.Fatalf("SealNow() = %v", err)
	}
}

// history returns all points of one series.
func history(t testing.TB, store factory.Store, machine, metric string) []factory.Point {
	t.Helper()
	page, err := store.History(context.Background(), factory.HistoryQuery{
		Machine: machine, Metrics: []string{metric}, From: math.MinInt64, To: math.MaxInt64, Limit: math.MaxInt,
	})
	if err != nil {
		t.Fatalf("History(%s, %s) = %v", machine, metric, err)
	}
	if len(page.Series) == 0 {
		return nil
	}
	return page.Series[0].Points
}

// readingAt returns a reading of the metric v.
func readingAt(machine string, observedAt int64, value float64) factory.Reading {
	return factory.Reading{Machine: machine, Metric: "v", ObservedAt: observedAt, Value: value}
}

// eventRecorder records the events of a store.
type eventRecorder struct {
	mu  sync.Mutex
	all []storage.Event
}

func (e *eventRecorder) record(event storage.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, event)
}

// kinds returns the kinds in order; repetitions count once.
func (e *eventRecorder) kinds() (kinds []storage.EventKind) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.all {
		kinds = append(kinds, event.Kind)
	}
	return slices.Compact(kinds)
}

func (e *eventRecorder) has(kind storage.EventKind) bool { return slices.Contains(e.kinds(), kind) }

// manualOptions returns options of a store that seals only on SealNow.
func manualOptions(path string, e *eventRecorder) sqlite.Options {
	return sqlite.Options{Path: path, AutoRegister: true, OnEvent: e.record}.WithTuning(sqlite.Tuning{SealEvery: time.Hour, ProbeEvery: time.Hour})
}

// noisyReadings returns n readings that compress badly.
func noisyReadings(machine string, from, n int64) (readings []factory.Reading) {
	for i := from; i < from+n; i++ {
		readings = append(readings, readingAt(machine, i*1000, math.Sin(float64(i*i))))
	}
	return readings
}

// waitFor polls until condition holds.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.Tick(time.Millisecond); !condition(); <-tick {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func mustAppend(tb testing.TB, store factory.Store, readings []factory.Reading) {
	tb.Helper()
	result, err := store.Append(context.Background(), readings)
	if err != nil || result.Accepted != len(readings) {
		tb.Fatalf("Append(%d readings) = %+v, %v", len(readings), result, err)
	}
}
