//go:build integration

// Package system_test runs the server's binary as an operator does: as processes,
// over sockets and with signals. The tests need redis-server and PostgreSQL; "make
// setup" installs them.
package system_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/control"
	"smart-factory-backend/app/testkit/porttest"
)

// waitTimeout bounds every wait. It is long because the machine may be busy.
const waitTimeout = 60 * time.Second

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "system")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "smart-factory-backend")
	code := 1
	if out, err := exec.Command("go", "build", "-o", binary, "../../../cmd/smart-factory-backend").CombinedOutput(); err != nil {
		_, _ = os.Stderr.Write(out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// process is a running server.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	env    []string
	addr   string
	socket string
	log    *lockedBuffer
	ended  chan struct{}
}

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

// environment returns the environment of a server. Later entries override earlier
// ones.
func environment(t *testing.T, dir string, port int, more ...string) []string {
	t.Helper()
	sockets, err := os.MkdirTemp("", "s") // the path of a Unix socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + sockets,
		"HOST=127.0.0.1", fmt.Sprint("PORT=", port), "DATA_DIR=" + dir, "ADMIN_ADDR=",
		"CONTROL_SOCKET=" + filepath.Join(sockets, "c"), "FAULT_INJECTION=true", "LOG_FORMAT=json", "GOMAXPROCS=4",
	}, more...)
}

// start starts a server with its data in dir and waits until it is ready.
func start(t *testing.T, dir string, more ...string) *process {
	t.Helper()
	port := porttest.ForTest(t)
	p := launch(t, environment(t, dir, port, more...))
	p.waitUntilReady(port)
	return p
}

// waitUntilReady waits until a server that listens on port is ready.
func (p *process) waitUntilReady(port int) {
	p.t.Helper()
	p.addr = fmt.Sprint("127.0.0.1:", port)
	p.eventually("readiness", func() bool {
		resp, err := http.Get("http://" + p.addr + "/api/health/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// launch starts a server and does not wait until it is ready.
func launch(t *testing.T, env []string) *process {
	t.Helper()
	return launchCommand(t, exec.Command(binary), env)
}

// launchCommand starts the server that cmd runs. The process is killed when the test
// ends.
func launchCommand(t *testing.T, cmd *exec.Cmd, env []string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, env: env, log: &lockedBuffer{}, ended: make(chan struct{})}
	for _, e := range env {
		if socket, ok := strings.CutPrefix(e, "CONTROL_SOCKET="); ok {
			p.socket = socket
		}
	}
	if p.cmd.Env = env; p.cmd.Stderr == nil {
		p.cmd.Stderr = p.log
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			text := p.log.String()
			t.Logf("the end of the server's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return p
}

// eventually waits until done returns true.
func (p *process) eventually(what string, done func() bool) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(waitTimeout)
	for !done() {
		select {
		case <-tick.C:
		case <-p.ended:
			p.t.Fatalf("waiting for %s: the process ended: %s\n%s", what, p.cmd.ProcessState, p.log)
		case <-deadline:
			p.t.Fatalf("waiting for %s: not within %v", what, waitTimeout)
		}
	}
}

// wait waits until the process ends and returns its exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(waitTimeout):
		p.t.Fatalf("the process did not end within %v", waitTimeout)
		return -1
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// runCommand runs a sub-command with the environment of the process. It returns the
// output and the exit code.
func (p *process) runCommand(args ...string) (string, int) {
	p.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// status returns what the control socket reports.
func (p *process) status() control.Status {
	p.t.Helper()
	c, err := control.Dial(p.socket)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	c.StatusTimeout = waitTimeout
	st, err := c.Status(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return st
}

// get returns the status and the body of a GET request.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	resp, err := http.Get("http://" + p.addr + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// injectFault causes a fault in the server and returns the status of the response.
func (p *process) injectFault(name string) int {
	p.t.Helper()
	c := &client{addr: p.addr, connPerRequest: true}
	defer c.close()
	status, _, err := c.do("POST", "/api/faults/"+name, "")
	if err != nil {
		p.t.Fatalf("POST /api/faults/%s: %v", name, err)
	}
	return status
}
