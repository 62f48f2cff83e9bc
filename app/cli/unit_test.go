package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cli"
	"smart-factory-backend/app/config"
)

func TestUnitFollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	c := config.Default()
	seconds, low, listen, environment := cli.Unit(c, "/usr/local/bin/x")
	if seconds != 35 || low || listen != "3000" || len(environment) != 0 {
		t.Errorf("unit of the default = %d s, %v, %q, %q, want 35 s, false, 3000, none", seconds, low, listen, environment)
	}
	c.Host, c.Port = "::1", 443
	c.ShutdownDelay, c.ShutdownTimeout = 5*time.Second, 40*time.Second+time.Millisecond
	seconds, low, listen, _ = cli.Unit(c, "/usr/local/bin/x")
	if seconds != 56 || !low || listen != "[::1]:443" {
		t.Errorf("unit = %d s, %v, %q, want 56 s, true, [::1]:443", seconds, low, listen)
	}
}

func TestUnitContainsSetVariablesButNoSecrets(t *testing.T) {
	t.Parallel()
	out, err := program(t, []string{
		"PORT=80", "ADMIN_ADDR=", "ALLOWED_ORIGINS=http://a, http://b", "NODE_ENV=development", "DATA_DIR=/elsewhere",
		"API_KEYS=a:read:" + testSecret, "SHUTDOWN_DELAY=7s",
	}, "unit").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	for _, want := range []string{
		"Environment=PORT=80", "Environment=ADMIN_ADDR=", `Environment="ALLOWED_ORIGINS=http://a, http://b"`,
		"Environment=SHUTDOWN_DELAY=7s", "TimeoutStopSec=42s", "Environment=NODE_ENV=production",
		"Environment=DATA_DIR=/var/lib/smart-factory-backend", "AmbientCapabilities=CAP_NET_BIND_SERVICE",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the unit lacks %q:\n%s", want, out)
		}
	}
	for _, not := range []string{testSecret, "elsewhere", "development", "PrivateUsers=yes"} {
		if strings.Contains(string(out), not) {
			t.Errorf("the unit contains %q:\n%s", not, out)
		}
	}
}

// A Go program that crashes, or that receives SIGABRT from the watchdog, exits
// with code 2, as after a usage error. systemd must restart it nevertheless.
func TestUnitRestartsAfterEveryFailure(t *testing.T) {
	t.Parallel()
	out, err := program(t, nil, "unit").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "\nRestart=on-failure\n") || strings.Contains(string(out), "\nRestartPreventExitStatus=") {
		t.Errorf("the unit does not restart after every failure:\n%s", out)
	}
}

func TestUnitRefusesAConfigurationThatCannotStart(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		variables []string
		want      string
	}{
		"a bad value":   {[]string{"READ_TIMEOUT=banana"}, `READ_TIMEOUT="banana"`},
		"a random port": {[]string{"PORT=0"}, "a unit needs a port"},
	}
	for name, tt := range tests {
		out, err := program(t, tt.variables, "unit").CombinedOutput()
		if err == nil || !strings.Contains(string(out), tt.want) || strings.Contains(string(out), "[Service]") {
			t.Errorf("%s: unit = %v, %s, want %q", name, err, out, tt.want)
		}
	}
	if out, err := program(t, []string{"NODE_ENV=production"}, "unit").CombinedOutput(); err != nil {
		t.Errorf("unit without keys, which come from elsewhere = %v, %s, want a unit", err, out)
	}
}

func TestQuoteUnit(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"/usr/bin/x": "/usr/bin/x", "A=50%": "A=50%%", "A=b c": `"A=b c"`, `A="b"`: `"A=\"b\""`,
		`A=b\c`: `"A=b\\c"`, "A=b\nc": `"A=b\nc"`, "A='b'": `"A='b'"`,
	}
	for word, want := range tests {
		if got := cli.QuoteUnitWord(word); got != want {
			t.Errorf("quoteUnit(%q) = %q, want %q", word, got, want)
		}
	}
}

// systemdAnalyze returns a command, or nil where systemd is not installed,
// which fails the integration tests.
func systemdAnalyze(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil && integration {
		t.Fatal(err)
	}
	if err != nil {
		t.Log("systemd-analyze is not installed: the unit stays unverified")
		return nil
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_PAGER=", "NO_COLOR=1")
	return cmd
}

func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	printed := func(name string, variables []string, args ...string) string {
		out, err := program(t, variables, args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, out, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	service := printed("smart-factory-backend.service", nil, "unit")
	socket := printed("smart-factory-backend.socket", nil, "unit", "--socket")
	low := printed("low/smart-factory-backend.service", []string{"PORT=80", "ALLOWED_ORIGINS=http://a, http://b"}, "unit")
	lowSocket := printed("low/smart-factory-backend.socket", []string{"PORT=80", "HOST=::1"}, "unit", "--socket")
	for _, files := range [][]string{{service, socket}, {low, lowSocket}} {
		if cmd := systemdAnalyze(t, append([]string{"verify", "--man=no"}, files...)...); cmd != nil {
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("systemd-analyze verify: %v\n%s", err, out)
			}
		}
	}
	// The threshold is ten times the exposure level, 0 to 10.
	if cmd := systemdAnalyze(t, "security", "--offline=true", "--threshold=12", service); cmd != nil {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
		}
	}
}
