//go:build integration

package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// report is one line of a script's output.
type report struct {
	Test    string          `json:"test"`
	OK      bool            `json:"ok"`
	Millis  int             `json:"ms"`
	Error   string          `json:"error"`
	Step    string          `json:"step"`
	Figures json.RawMessage `json:"figures"`
	Done    bool            `json:"done"`
	Tests   int             `json:"tests"`
}

// runScript runs a script of the folder js and a subtest for each of its checks.
func runScript(t *testing.T, limit time.Duration, name string, args ...string) {
	t.Helper()
	runScriptWithSteps(t, limit, nil, name, args...)
}

// runScriptWithSteps is runScript for a script that pauses between its steps. step is
// called with the name of each step; the script continues with what it returns.
func runScriptWithSteps(t *testing.T, limit time.Duration, step func(name string) string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{filepath.Join("js", name)}, args...)...)
	cmd.Env = environment()
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	checks, done := readReports(t, stdout, stdin, step)
	err = cmd.Wait()
	switch {
	case err != nil:
		t.Errorf("%s: %v, %v\n%s", name, err, ctx.Err(), stderr.String())
	case !done.Done:
		t.Errorf("%s ended before its last check\n%s", name, stderr.String())
	case checks != done.Tests || checks == 0:
		t.Errorf("%s reported %d checks, want %d", name, checks, done.Tests)
	}
}

// readReports reads the output of a script until it ends.
func readReports(t *testing.T, stdout io.Reader, stdin io.Writer, step func(string) string) (checks int, done report) {
	t.Helper()
	reports := bufio.NewScanner(stdout)
	reports.Buffer(nil, 1<<20)
	for reports.Scan() {
		var l report
		if err := json.Unmarshal(reports.Bytes(), &l); err != nil {
			t.Errorf("unexpected output %q: %v", reports.Text(), err)
			continue
		}
		switch {
		case l.Done:
			done = l
		case l.Figures != nil:
			t.Logf("%s", l.Figures)
		case l.Step != "":
			if _, err := io.WriteString(stdin, step(l.Step)+"\n"); err != nil {
				t.Errorf("step %q: %v", l.Step, err)
			}
		default:
			checks++
			t.Run(l.Test, func(t *testing.T) {
				if !l.OK {
					t.Errorf("after %d ms: %s", l.Millis, l.Error)
				}
			})
		}
	}
	if err := reports.Err(); err != nil {
		t.Error(err)
	}
	return checks, done
}
