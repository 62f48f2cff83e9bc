package cli_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"smart-factory-backend/app/config"
)

const testSecret = "hush-hush-hush-hush"

func TestConfigShowsEveryVariable(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), nil, "config")
	if got.code != 0 {
		t.Fatalf("config = %+v, want exit code 0", got)
	}
	lines := strings.Split(got.stdout, "\n")
	for i, v := range config.Default().Describe() {
		if fields := strings.Fields(lines[i+1]); fields[0] != v.Name {
			t.Errorf("line %d of config is about %s, want %s", i+1, fields[0], v.Name)
		}
	}
	if want := "PORT                         3000  "; !strings.Contains(got.stdout, want) {
		t.Errorf("config lacks %q:\n%s", want, got.stdout)
	}
}

func TestConfigReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	secrets := []string{"API_KEYS=a:read:" + testSecret, "REDIS_URL=http://:" + testSecret + "@r", "DATABASE_URL=sqlite://" + testSecret + ":" + testSecret + "@/x"}
	tests := map[string]struct {
		variables, args []string
		code            int
		stdout, stderr  []string
	}{
		"good": {
			variables: []string{"PORT=8080", "API_KEYS=a:read:" + testSecret}, args: []string{"config"},
			stdout: []string{"PORT                         8080  ", "  environment  ", "API_KEYS                     ***  "},
		},
		"a warning": {
			variables: []string{"CLUSTER_WORKER=2"}, args: []string{"config"},
			stderr: []string{"warning: CLUSTER_WORKER: is not a variable of this program; was CLUSTER_WORKERS meant?", "warning: API_KEYS: is empty"},
		},
		"problems": {
			variables: append([]string{"PORT=banana", "MAX_SERIES=\x1b[2J"}, secrets...), args: []string{"config"}, code: 1,
			stdout: []string{"PORT                         banana", `"\x1b[2J"`},
			stderr: []string{"has 4 problems", `PORT="banana"`, `MAX_SERIES="\x1b[2J"`, "REDIS_URL", "DATABASE_URL"},
		},
		"problems as JSON": {
			variables: append([]string{"PORT=banana"}, secrets...), args: []string{"config", "--json"}, code: 1,
			stdout: []string{`{"name":"PORT","value":"banana","default":"3000","source":"environment"`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			cmd := program(t, tt.variables, tt.args...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("exit code = %d, want %d", code, tt.code)
			}
			for _, want := range tt.stdout {
				if !strings.Contains(stdout.String(), want) {
					t.Errorf("output lacks %q:\n%s", want, stdout.String())
				}
			}
			for _, want := range tt.stderr {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("errors lack %q:\n%s", want, stderr.String())
				}
			}
			if strings.Contains(stdout.String()+stderr.String(), testSecret) {
				t.Errorf("a secret is shown:\n%s%s", stdout.String(), stderr.String())
			}
		})
	}
}

func TestConfigAsJSON(t *testing.T) {
	t.Parallel()
	var d struct {
		Variables []config.Variable
		Warnings  []string
		Problems  []string
	}
	load := func() (config.Config, error) {
		return config.Default(), config.Problems{{Variable: "PORT", Value: "x", Message: "y"}}
	}
	got := runWith(t.Context(), load, "config", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &d); err != nil || got.code != 1 {
		t.Fatalf("config --json = %+v, %v, want JSON and exit code 1", got, err)
	}
	if len(d.Variables) != len(config.Default().Describe()) || !strings.HasPrefix(d.Warnings[0], "API_KEYS: is empty") || d.Problems[0] != `PORT="x": y` {
		t.Errorf("config --json = %+v", d)
	}
}

func TestCommandsIgnoreProblemsOfVariablesTheyDoNotUse(t *testing.T) {
	t.Parallel()
	missing := t.TempDir() + "/none.sock"
	variables := []string{"MAX_SERIES=banana", "CONTROL_SOCKET=" + missing}
	for _, name := range []string{"status", "reload"} {
		out, err := program(t, variables, name).CombinedOutput()
		if _, failed := errors.AsType[*exec.ExitError](err); !failed || !strings.Contains(string(out), "no socket at "+missing) {
			t.Errorf("%s with an unrelated problem = %v, %s, want that the socket does not exist", name, err, out)
		}
	}
	out, _ := program(t, []string{"PORT=banana"}, "status").CombinedOutput()
	if !strings.Contains(string(out), `PORT="banana"`) {
		t.Errorf("status with a problem of its own = %s, want that problem", out)
	}
}
