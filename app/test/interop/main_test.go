//go:build integration

// Package interop_test has the tests that run the JavaScript clients, servers and
// the emitter from npm against ours, as processes, on a Redis of their own, and a
// Telegraf:
//
//	go test -tags integration ./app/test/interop
//
// The scripts stand in js, what they use in package.json; make setup installs
// it. js/node-server.js is the example server's contract in JavaScript: it is the
// Node half of a mixed cluster, and every script of the clients can be tried
// against it.
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
	// patience is how long anything may take on a machine that is very busy.
	waitTimeout = 60 * time.Second
	// churnFor is how long 200 clients come and go.
	churnDuration = 60 * time.Second
)

// The programs that the tests run.
var exampleBinary, backendBinary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// lookAtSources opens the directories of all that the tests run. The go command
// takes note of what tests open (not TestMain) and does not take an older result
// for that of a changed program.
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
	for _, program := range []string{"node", "redis-server"} {
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
		_ = parallel.Value.Set("8") // most of the work is done by other processes
	}
	return m.Run()
}
