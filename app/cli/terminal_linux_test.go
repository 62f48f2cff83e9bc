package cli_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/control"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns both ends of a terminal of 100 columns and 30 lines.
func pseudoTerminal(t *testing.T) (keyboard, screen *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	fd := int(keyboard.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	screen, err = os.OpenFile(filepath.Join("/dev/pts", strconv.Itoa(number)), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, screen
}

// runOnTerminal runs the program on a terminal and returns its output. It
// interrupts the program at the first occurrence of until, unless that is empty.
func runOnTerminal(t *testing.T, variables []string, until string, args ...string) (shown string, code int) {
	t.Helper()
	keyboard, screen := pseudoTerminal(t)
	cmd := program(t, variables, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen, screen, screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = screen.Close()
	timer := time.AfterFunc(testTimeout, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var out bytes.Buffer
	chunk := make([]byte, 4096)
	for interrupted := false; ; {
		n, err := keyboard.Read(chunk)
		out.Write(chunk[:n])
		if !interrupted && until != "" && strings.Contains(out.String(), until) {
			interrupted = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
		if errors.Is(err, unix.EIO) || errors.Is(err, io.EOF) { // the terminal is closed
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait()
	return out.String(), cmd.ProcessState.ExitCode()
}

// controlSocketVariable runs a control server and returns the variable that
// names its socket.
func controlSocketVariable(t *testing.T, b backend) []string {
	t.Helper()
	var c config.Config
	serveControl(t, b)(&c)
	return []string{"CONTROL_SOCKET=" + c.ControlSocket}
}

func TestWatchRestoresTheCursor(t *testing.T) {
	t.Parallel()
	// Only the second page shows a rate.
	shown, code := runOnTerminal(t, controlSocketVariable(t, countingBackend()), "  1000\x1b[K", "status", "--watch")
	if code != 130 {
		t.Errorf("status --watch after Ctrl-C: exit code %d, want 130", code)
	}
	if !strings.HasPrefix(shown, "\x1b[?25l") || !strings.HasSuffix(shown, "\x1b[?25h") {
		t.Errorf("the terminal got %q, want the cursor hidden first and shown last", shown)
	}
	if pages := strings.Count(shown, "\x1b[H"); pages < 2 {
		t.Errorf("the terminal got %d pages, want at least 2", pages)
	}
}

func TestColoursDependOnTheTerminalAndNoColor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		variables []string
		want      bool
	}{
		"a terminal":            {nil, true},
		"NO_COLOR":              {[]string{"NO_COLOR=1"}, false},
		"NO_COLOR, empty":       {[]string{"NO_COLOR="}, true},
		"TERM=dumb":             {[]string{"TERM=dumb"}, false},
		"another terminal type": {[]string{"TERM=xterm"}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := append(controlSocketVariable(t, backend{status: func() (control.Status, error) { return sampleStatus(), nil }}), tt.variables...)
			shown, code := runOnTerminal(t, variables, "", "status")
			if coloured := strings.Contains(shown, "\x1b[32mrunning\x1b[0m"); coloured != tt.want || code != 0 {
				t.Errorf("status shows %q, exit code %d, want colours: %v", shown, code, tt.want)
			}
		})
	}
}

func TestConfigWrapsLinesToTheTerminalWidth(t *testing.T) {
	t.Parallel()
	shown, _ := runOnTerminal(t, nil, "", "config")
	for line := range strings.Lines(shown) {
		if line = strings.TrimRight(line, "\r\n"); utf8.RuneCountInString(line) > 100 {
			t.Errorf("a line of config has %d columns, want at most 100: %q", len(line), line)
		}
	}
	text := strings.Join(strings.Fields(shown), " ")
	for _, v := range config.Default().Describe() {
		if !strings.Contains(text, v.Name+" ") || !strings.Contains(text, v.Meaning) {
			t.Errorf("config lacks %s with its meaning %q", v.Name, v.Meaning)
		}
	}
}
