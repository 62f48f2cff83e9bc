package cli_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cli"
	"smart-factory-backend/app/config"
)

var update = flag.Bool("update", false, "write the golden files")

// testTimeout is longer than anything takes in a test that passes.
const testTimeout = time.Minute

// runAsProgram is the variable that makes the test binary run Main instead of
// the tests.
const runAsProgram = "CLI_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		os.Exit(cli.MainWithHealthTimeout(context.Background(), testTimeout))
	}
	os.Exit(m.Run())
}

// program returns a command that runs the program in another process with the
// given NAME=value variables.
func program(t *testing.T, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	// Without GOCOVERDIR a program of "go test -cover" prints a warning when it exits.
	cmd.Env = append([]string{runAsProgram + "=1", "PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + t.TempDir()}, variables...)
	return cmd
}

// result is the exit code and output of a sub-command.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a sub-command in this process with the default configuration, which
// change may modify.
func run(ctx context.Context, change func(*config.Config), args ...string) result {
	c := config.Default()
	if change != nil {
		change(&c)
	}
	return runWith(ctx, func() (config.Config, error) { return c, nil }, args...)
}

func runWith(ctx context.Context, load func() (config.Config, error), args ...string) result {
	return runWithTimeout(ctx, testTimeout, load, args...)
}

func runWithTimeout(ctx context.Context, timeout time.Duration, load func() (config.Config, error), args ...string) result {
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, args, cli.Process{
		Stdout: &stdout, Stderr: &stderr, Load: load, Getenv: func(string) string { return "" }, HealthTimeout: timeout,
	})
	return result{code, stdout.String(), stderr.String()}
}

func TestInvalidCommandLines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"swapped letters":             {[]string{"statsu"}, `there is no sub-command "statsu". Did you mean "status"?`},
		"a missing letter":            {[]string{"helthcheck"}, `Did you mean "healthcheck"?`},
		"an abbreviation":             {[]string{"conf"}, `Did you mean "config"?`},
		"upper case":                  {[]string{"RELOAD"}, `Did you mean "reload"?`},
		"no similar command":          {[]string{"frobnicate"}, "there is no sub-command \"frobnicate\".\n"},
		"an unknown flag":             {[]string{"status", "--wacth"}, "status: flag provided but not defined: -wacth"},
		"a flag without command":      {[]string{"--port", "80"}, `there is no sub-command "--port"`},
		"an argument":                 {[]string{"reload", "now"}, `reload: takes no argument "now"`},
		"serve, an argument":          {[]string{"serve", "3000"}, `serve: takes no argument "3000"`},
		"scale, no number":            {[]string{"scale"}, "scale: want scale N"},
		"scale, two numbers":          {[]string{"scale", "1", "2"}, "scale: want scale N"},
		"scale, a word":               {[]string{"scale", "two"}, `"two" is not a number of workers: want a whole number, at least 0`},
		"scale, a fraction":           {[]string{"scale", "1.5"}, `"1.5" is not a number of workers`},
		"scale, negative":             {[]string{"scale", "--", "-1"}, `"-1" is not a number of workers`},
		"help for an unknown command": {[]string{"help", "stauts"}, `Did you mean "status"?`},
		"status, an argument":         {[]string{"status", "--json", "x"}, `takes no argument "x"`},
	}
	for name, tt := range tests {
		got := run(t.Context(), nil, tt.args...)
		if got.code != 2 || got.stdout != "" || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("%s: %v = %+v, want exit code 2 and %q", name, tt.args, got, tt.want)
		}
		if !strings.Contains(got.stderr, "See smart-factory-backend help") {
			t.Errorf("%s: %v says %q, want a reference to the help", name, tt.args, got.stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	overview := run(t.Context(), nil, "help")
	for _, name := range cli.CommandNames() {
		if !strings.Contains(overview.stdout, "\n  "+name+" ") {
			t.Errorf("help does not list %s:\n%s", name, overview.stdout)
		}
		for _, args := range [][]string{{"help", name}, {name, "-h"}, {name, "--help"}} {
			got := run(t.Context(), nil, args...)
			if got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, "smart-factory-backend") {
				t.Errorf("%v = %+v, want exit code 0 and its usage", args, got)
			}
		}
	}
	for _, args := range [][]string{{"-h"}, {"--help"}, {"help", "-h"}} {
		if got := run(t.Context(), nil, args...); got != overview || got.code != 0 {
			t.Errorf("%v = %+v, want the same as help", args, got)
		}
	}
	status := run(t.Context(), nil, "status", "-h").stdout
	for _, want := range []string{"Usage: smart-factory-backend status [--watch] [--json]\n", "\n  --watch ", "CONTROL_SOCKET"} {
		if !strings.Contains(status, want) {
			t.Errorf("help of status lacks %q:\n%s", want, status)
		}
	}
}

// failingWriter fails like a full disk.
type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteErrorsAreFailures(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"config"}, {"config", "--json"}, {"unit"}} {
		var stderr bytes.Buffer
		code := cli.Run(t.Context(), args, cli.Process{
			Stdout: failingWriter{}, Stderr: &stderr, Getenv: func(string) string { return "" },
			Load: func() (config.Config, error) { return config.Default(), nil },
		})
		if code != 1 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%v into a full disk = %d, %q, want 1 and why", args, code, stderr.String())
		}
	}
}
