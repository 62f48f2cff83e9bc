//go:build integration

package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/store/postgres"
	"smart-factory-backend/app/testkit/postgrestest"
)

// testTimeout is longer than any operation takes that does not hang.
const testTimeout = 60 * time.Second

// sharedServer is the server of all tests that do not stop it. It does not sync to
// disk, since no test crashes the machine.
var sharedServer *postgrestest.Server

func TestMain(m *testing.M) {
	var err error
	if sharedServer, err = postgrestest.New("fsync=off", "full_page_writes=off", "max_locks_per_transaction=256"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Each check of a random history creates a schema and dozens of tables.
	if checks := flag.Lookup("rapid.checks"); checks != nil && checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("15"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if left := leakedGoroutines(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines of the store are still running:\n%s\n", left)
		code = 1
	}
	sharedServer.Remove()
	os.Exit(code)
}

// leakedGoroutines waits for the goroutines of all stores to end. It returns the
// stacks of all goroutines if some do not.
func leakedGoroutines() (stacks string) {
	deadline := time.Now().Add(testTimeout)
	for tick := time.Tick(10 * time.Millisecond); time.Now().Before(deadline); <-tick {
		buf := make([]byte, 1<<20)
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "postgres.(*Store).start") && !strings.Contains(stacks, "pgxpool") {
			return ""
		}
	}
	return stacks
}

// knownSchemas is the set of schemas that schemaFor has created.
var knownSchemas sync.Map

// schemaFor returns a schema for a directory of the contract suite, which it
// creates on the first call.
func schemaFor(t testing.TB, dir string) string {
	t.Helper()
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(dir))
	name := fmt.Sprintf("s%016x", sum.Sum64())
	if _, known := knownSchemas.LoadOrStore(name, true); !known {
		if err := sharedServer.Exec(context.Background(), "CREATE SCHEMA "+name); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// testOptions returns the options of a store in a new schema of the shared server.
// Its timeouts are long, since the server may be slow but is never down.
func testOptions(t testing.TB) postgres.Options {
	t.Helper()
	return postgres.Options{
		URL: sharedServer.URL(schemaFor(t, t.TempDir())), AutoRegister: true, MaxConns: 7, ConnectTimeout: testTimeout, StatementTimeout: testTimeout,
	}
}

// mustOpen opens a store and closes it when the test ends.
func mustOpen(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return store
}

func mustAppend(t testing.TB, store factory.Store, readings ...factory.Reading) {
	t.Helper()
	result, err := store.Append(context.Background(), readings)
	if err != nil || result.Accepted != len(readings) {
		t.Fatalf("Append(%d readings) = %+v, %v", len(readings), result, err)
	}
}

// mustHistory returns all points of one series.
func mustHistory(t testing.TB, store factory.Store, machine, metric string) []factory.Point {
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

// eventually waits until done returns true.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	deadline := time.After(testTimeout)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

// reading returns a reading of the metric v.
func reading(machine string, observedAt int64, value float64) factory.Reading {
	return factory.Reading{Machine: machine, Metric: "v", ObservedAt: observedAt, Value: value}
}

func splitFields(text []byte) []string { return strings.Fields(string(text)) }
