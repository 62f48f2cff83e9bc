//go:build integration

package system_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"smart-factory-backend/app/testkit/porttest"
)

// startLoggingTo starts a server whose standard error is w, and waits until it is
// ready.
func startLoggingTo(t *testing.T, w *os.File) *process {
	t.Helper()
	port := porttest.ForTest(t)
	env := environment(t, t.TempDir(), port, "LOG_LEVEL=debug")
	cmd := exec.Command(binary)
	cmd.Stderr = w
	p := launchCommand(t, cmd, env)
	_ = w.Close()
	p.waitUntilReady(port)
	return p
}

// A pipe that nobody reads, or whose reader is gone, and a full disk cost log lines
// and nothing else.
func TestIntegrationStandardErrorHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *testing.T) *os.File{
		"a full pipe": func(t *testing.T) *os.File {
			r, w := pipe(t)
			t.Cleanup(func() { _ = r.Close() })
			fill(t, w)
			return w
		},
		"a pipe without a reader": func(t *testing.T) *os.File {
			r, w := pipe(t)
			_ = r.Close()
			return w
		},
		"a full disk": func(t *testing.T) *os.File {
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			return f
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startLoggingTo(t, open(t))
			for range 20 {
				resp, err := http.Post("http://"+p.addr+"/api/faults/panic", "", nil)
				if err != nil || resp.StatusCode != http.StatusInternalServerError {
					t.Fatalf("POST panic = %v, %v, want 500", resp, err)
				}
				_ = resp.Body.Close()
			}
			if out, code := p.runCommand("status", "--json"); code != 0 || !strings.Contains(out, `"pid"`) {
				t.Errorf("status = %s, %d", out, code)
			}
			p.signal(syscall.SIGTERM)
			p.expectGracefulEnd()
		})
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

// fill writes to a pipe until it takes no more.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	fd := int(w.Fd()) // which makes it blocking
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{4096, 1} {
		for {
			if _, err := unix.Write(fd, bytes.Repeat([]byte{'x'}, size)); err != nil {
				break
			}
		}
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
}

// The end of the terminal ends the server in good order; under nohup it goes on, and
// from elsewhere SIGHUP is a reload.
func TestIntegrationTerminalIsClosed(t *testing.T) {
	t.Parallel()
	// Under nohup this process ignores SIGHUP, and so would those that it starts.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	for name, tt := range map[string]struct {
		command []string
		ends    bool
	}{
		"a terminal":  {[]string{binary}, true},
		"under nohup": {[]string{"nohup", binary}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyboard, screen := openTerminal(t)
			port := porttest.ForTest(t)
			cmd := exec.Command(tt.command[0], tt.command[1:]...)
			cmd.Stdin, cmd.SysProcAttr = screen, &syscall.SysProcAttr{Setsid: true, Setctty: true}
			cmd.Dir = t.TempDir()
			p := launchCommand(t, cmd, environment(t, t.TempDir(), port))
			_ = screen.Close()
			p.waitUntilReady(port)
			p.signal(syscall.SIGHUP)
			p.eventually("a reload", func() bool { return strings.Contains(p.log.String(), "configuration read again") })
			_ = keyboard.Close()
			if tt.ends {
				p.expectGracefulEnd()
				return
			}
			p.eventually("another reload, by the hangup", func() bool { return strings.Count(p.log.String(), "configuration read again") == 2 })
			if status, _ := p.get("/api/health"); status != http.StatusOK {
				t.Errorf("GET /api/health after the hangup = %d, want 200", status)
			}
			p.signal(syscall.SIGTERM)
			p.expectGracefulEnd()
		})
	}
}

// expectGracefulEnd waits until the process ends and checks its exit code.
func (p *process) expectGracefulEnd() {
	p.t.Helper()
	if code := p.wait(); code != 0 {
		p.t.Errorf("the process ended with code %d, want 0", code)
	}
}

// openTerminal opens a pseudo-terminal: keyboard is the end of its user.
func openTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if screen, err = os.OpenFile(filepath.Join("/dev/pts", strconv.Itoa(number)), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return keyboard, screen
}
