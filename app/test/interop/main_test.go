//go:build integration

// Package interop_test runs the official JavaScript clients, servers and emitter from npm,
// InfluxDB's clients, Telegraf and Alertmanager against the server and the example server, as processes:
//
//	go test -tags integration ./app/test/interop
//
// The scripts are in the folder js. "make setup" installs the packages that they use.
// js/node-server.js handles the same events as the example server, so that Node.js and
// Go servers can share rooms in a test, and so that every script of the clients can be
// run against Node.js for comparison.
package interop_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	// waitTimeout bounds every wait. It is long because the machine may be busy.
	waitTimeout = 60 * time.Second
	// churnDuration is how long clients join and leave rooms at random.
	churnDuration = 60 * time.Second
)

// The programs that the tests run.
var exampleBinary, backendBinary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// recordSourceDependencies opens the directories of all sources that the tests run. The go
// command records what tests open, but not what TestMain opens, and reuses a cached
// result only if none of it has changed.
var recordSourceDependencies = sync.OnceValue(func() error {
	for _, root := range []string{"../..", "../../../cmd", "js"} {
		err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
})

func run(m *testing.M) int {
	if _, err := os.Stat("node_modules/socket.io-client"); err != nil {
		fmt.Fprintln(os.Stderr, "the JavaScript clients are not installed; run make setup:", err)
		return 1
	}
	for _, program := range []string{"node", "redis-server", "prometheus-alertmanager", "influx"} {
		if _, err := exec.LookPath(program); err != nil {
			fmt.Fprintln(os.Stderr, "run make setup:", err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	exampleBinary, backendBinary = filepath.Join(dir, "example"), filepath.Join(dir, "backend")
	for binary, source := range map[string]string{
		exampleBinary: "../../socketio/example", backendBinary: "../../../cmd/smart-factory-backend",
	} {
		build := append(append([]string{"build"}, raceFlags...), "-o", binary, source)
		if out, err := exec.Command("go", build...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", source, err, out)
			return 1
		}
	}
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("8") // the tests mostly wait for other processes
	}
	return m.Run()
}
