//go:build integration

package interop_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/testkit/porttest"
)

// lockedBuffer is a buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePort returns a port that is reserved until the test ends.
func freePort(t *testing.T) string {
	t.Helper()
	return strconv.Itoa(porttest.ForTest(t))
}

// eventually waits until done returns true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(waitTimeout)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waiting for %s: not within %v", what, waitTimeout)
		}
	}
}

// process is a server that can be stopped and started again on the same port.
type process struct {
	t     *testing.T
	name  string
	port  string
	make  func() *exec.Cmd
	ready func() bool
	cmd   *exec.Cmd
	log   *lockedBuffer
	ended chan struct{}
}

func (p *process) url() string { return "http://127.0.0.1:" + p.port }

// start runs the process and waits until it is ready.
func (p *process) start() {
	p.t.Helper()
	p.cmd, p.ended = p.make(), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd, ended := p.cmd, p.ended
	go func() { // ends with the process
		_ = cmd.Wait()
		close(ended)
	}()
	eventually(p.t, p.name, func() bool {
		select {
		case <-p.ended:
			p.t.Fatalf("%s ended before it was ready:\n%s", p.name, p.log)
		default:
		}
		return p.ready()
	})
}

// stop sends the signal and waits until the process has ended.
func (p *process) stop(s syscall.Signal) {
	p.t.Helper()
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.ended:
	case <-time.After(waitTimeout):
		p.t.Errorf("%s did not end within %v after signal %v", p.name, waitTimeout, s)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// expectRunning fails the test if the process has ended.
func (p *process) expectRunning() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Errorf("%s has ended:\n%s", p.name, p.log)
	default:
	}
}

// launch starts a process that is killed when the test ends. A data race that the
// process reports fails the test.
func launch(t *testing.T, p *process) *process {
	t.Helper()
	if err := recordSourceDependencies(); err != nil {
		t.Fatal(err)
	}
	p.t, p.log = t, &lockedBuffer{}
	p.start()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if strings.Contains(p.log.String(), "DATA RACE") {
			t.Errorf("%s reported a data race", p.name)
		}
		if t.Failed() {
			text := p.log.String()
			t.Logf("the end of the log of %s:\n%s", p.name, text[max(0, len(text)-4000):])
		}
	})
	return p
}

// environment returns the environment of a process. Later entries override earlier ones.
func environment(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "HOST=127.0.0.1"}, more...)
}

// respondsOK reports whether a GET request of url returns 200.
func respondsOK(url string) bool {
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// longTimeouts are flags of the example server for tests that do not check timeouts, so
// that a busy machine does not end their connections.
var longTimeouts = []string{"-ping-timeout", "30s", "-connect-timeout", "30s", "-requests-timeout", "20s"}

// startExample starts the example server.
func startExample(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{name: "example", port: freePort(t)}
	p.make = func() *exec.Cmd {
		cmd := exec.Command(exampleBinary, args...)
		cmd.Env = environment("PORT="+p.port, "CLUSTER_WORKERS=2", "GOMAXPROCS=2")
		return cmd
	}
	p.ready = func() bool { return respondsOK(p.url() + "/") }
	return launch(t, p)
}

const nodeServerName = "Node server"

// startNodeServer starts the Node server, which handles the same events as the example
// server.
func startNodeServer(t *testing.T, env ...string) *process {
	t.Helper()
	p := &process{name: nodeServerName, port: freePort(t)}
	p.make = func() *exec.Cmd {
		cmd := exec.Command("node", "js/node-server.js")
		cmd.Env = environment(append(env, "PORT="+p.port, "PING_TIMEOUT=30000", "CONNECT_TIMEOUT=30000", "REQUESTS_TIMEOUT=20000")...)
		return cmd
	}
	p.ready = func() bool { return strings.Contains(p.log.String(), "ready") }
	return launch(t, p)
}

// startRedis starts a Redis server.
func startRedis(t *testing.T) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{name: "redis-server", port: freePort(t)}
	p.make = func() *exec.Cmd {
		return exec.Command("redis-server", "--port", p.port, "--bind", "127.0.0.1", "--save", "", "--dir", dir)
	}
	p.ready = func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+p.port)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	return launch(t, p)
}

func redisURL(redis *process) string { return fmt.Sprintf("redis://127.0.0.1:%s", redis.port) }
