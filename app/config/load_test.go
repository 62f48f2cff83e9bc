package config_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/config"
)

// These tests change the environment, so none of them is parallel.

// load returns what Load makes of the given variables and no others.
func load(t *testing.T, variables map[string]string) (config.Config, []config.Warning, config.Problems) {
	t.Helper()
	for _, v := range config.Default().Describe() {
		for _, name := range []string{v.Name, v.Name + "_FILE"} {
			t.Setenv(name, "") // so that it is set back after the test
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
	c, warnings, err := config.Load()
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("Load() = %v, want Problems", err)
	}
	return c, warnings, problems
}

func TestLoadOfAnEmptyEnvironmentIsTheDefault(t *testing.T) {
	c, _, problems := load(t, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got, want := c.Describe(), config.Default().Describe(); !slices.Equal(got, want) {
		t.Errorf("Load() = %v, want %v", got, want)
	}
	tests := map[string]struct{ got, want any }{
		"HOST":               {c.Host, ""},
		"PORT":               {c.Port, 3000},
		"CLUSTER_WORKERS":    {c.Workers, 0},
		"NODE_ENV":           {c.Environment, "development"},
		"LOG_LEVEL":          {c.LogLevel, slog.LevelInfo},
		"LOG_FORMAT":         {c.LogFormat, "text"},
		"the database":       {c.SQLitePath(), "data/smart-factory.db"},
		"ADMIN_ADDR":         {c.AdminAddr, "127.0.0.1:9464"},
		"CONTROL_SOCKET":     {c.ControlSocket, filepath.Join(os.TempDir(), "smart-factory-backend-3000.sock")},
		"AUTO_REGISTER":      {c.AutoRegister, true},
		"FAULT_INJECTION":    {c.FaultInjection, false},
		"WORKER_MIN_UPTIME":  {c.WorkerMinUptime, time.Second},
		"WORKER_STALL_AFTER": {c.WorkerStallAfter, time.Minute},
		"SHUTDOWN_DELAY":     {c.ShutdownDelay, time.Duration(0)},
		"SHUTDOWN_TIMEOUT":   {c.ShutdownTimeout, 25 * time.Second},
		"RATE_BURST":         {c.RateBurst, 100_000},
		"MAX_BODY_BYTES":     {c.MaxBodyBytes, config.Bytes(4 << 20)},
		"INGEST_MEMORY":      {c.IngestMemory, config.Bytes(256 << 20)},
	}
	for name, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("default of %s = %v, want %v", name, tt.got, tt.want)
		}
	}
}

func TestLoadReadsValues(t *testing.T) {
	tests := map[string]struct {
		value string
		got   func(config.Config) any
		want  any
	}{
		"HOST":             {"::1", func(c config.Config) any { return c.Host }, "::1"},
		"PORT":             {"0", func(c config.Config) any { return c.Port }, 0},
		"CLUSTER_WORKERS":  {"64", func(c config.Config) any { return c.Workers }, 64},
		"LOG_LEVEL":        {"WARN", func(c config.Config) any { return c.LogLevel }, slog.LevelWarn},
		"LOG_FORMAT":       {"json", func(c config.Config) any { return c.LogFormat }, "json"},
		"DATABASE_URL":     {"sqlite:///srv/f.db", func(c config.Config) any { return c.SQLitePath() }, "/srv/f.db"},
		"DATA_DIR":         {"/srv/my data", func(c config.Config) any { return c.SQLitePath() }, "/srv/my data/smart-factory.db"},
		"API_KEYS":         {"a:read:x:y", func(c config.Config) any { return c.APIKeys.Reveal() }, "a:read:x:y"},
		"ALLOWED_ORIGINS":  {"https://a.example, http://b:81", func(c config.Config) any { return c.AllowedOrigins }, []string{"https://a.example", "http://b:81"}},
		"ADMIN_ADDR":       {"", func(c config.Config) any { return c.AdminAddr }, ""},
		"CONTROL_SOCKET":   {"/run/x.sock", func(c config.Config) any { return c.ControlSocketFor(1) }, "/run/x.sock"},
		"AUTO_REGISTER":    {"false", func(c config.Config) any { return c.AutoRegister }, false},
		"SHUTDOWN_SPREAD":  {"0s", func(c config.Config) any { return c.ShutdownSpread }, time.Duration(0)},
		"RATE_LIMIT":       {"7", func(c config.Config) any { return c.RateBurst }, 7},
		"RATE_BURST":       {"9", func(c config.Config) any { return c.RateBurst }, 9},
		"MAX_BODY_BYTES":   {"65536", func(c config.Config) any { return c.MaxBodyBytes }, config.Bytes(65536)},
		"SHUTDOWN_TIMEOUT": {"1m30s", func(c config.Config) any { return c.ShutdownTimeout }, 90 * time.Second},
		"TRUSTED_PROXIES": {
			"10.1.2.3/8,192.0.2.7,2001:db8::/32", func(c config.Config) any { return c.TrustedProxies },
			[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, _, problems := load(t, map[string]string{name: tt.value})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if got := tt.got(c); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s=%q gives %v, want %v", name, tt.value, got, tt.want)
			}
		})
	}
}

func TestAnEmptyValueIsTheDefault(t *testing.T) {
	empty := map[string]string{}
	for _, v := range config.Default().Describe() {
		if v.Name != "ADMIN_ADDR" { // which it disables
			empty[v.Name] = ""
			empty[v.Name+"_FILE"] = ""
		}
	}
	c, _, problems := load(t, empty)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got, want := c.Describe(), config.Default().Describe(); !slices.Equal(got, want) {
		t.Errorf("Load() = %v, want %v", got, want)
	}
}

func TestProductionChangesDefaults(t *testing.T) {
	c, warnings, problems := load(t, map[string]string{
		"NODE_ENV": "production", "API_KEYS": "a:admin:0123456789abcdef",
	})
	if len(problems) > 0 || len(warnings) > 0 {
		t.Fatalf("Load() = %v, %v, want neither warnings nor problems", warnings, problems)
	}
	if !c.Production() || c.LogFormat != "json" {
		t.Errorf("Production() = %v, LogFormat = %q, want true, json", c.Production(), c.LogFormat)
	}
}

func TestWarnings(t *testing.T) {
	tests := map[string]struct {
		variable, value string
		want            string // "" is no warning
	}{
		"a letter is missing":       {"CLUSTER_WORKER", "2", "CLUSTER_WORKERS"},
		"two letters are swapped":   {"CLUSTER_WROKERS", "2", "CLUSTER_WORKERS"},
		"lower case":                {"cluster_workers", "2", "CLUSTER_WORKERS"},
		"the file of a variable":    {"API_KEY_FILE", "x", "API_KEYS_FILE"},
		"a short name, one letter":  {"PORTS", "2", "PORT"},
		"a short name, two letters": {"HOME", "/", ""},
		"something else":            {"WORKERS", "2", ""},
		"a variable of ours":        {"MAX_SERIES", "2", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, warnings, _ := load(t, map[string]string{tt.variable: tt.value})
			i := slices.IndexFunc(warnings, func(w config.Warning) bool { return w.Variable == tt.variable })
			switch {
			case tt.want == "" && i >= 0:
				t.Errorf("%s: warning %q, want none", tt.variable, warnings[i])
			case tt.want != "" && (i < 0 || !strings.Contains(warnings[i].Message, "was "+tt.want+" meant")):
				t.Errorf("%s: warnings %q, want one that names %s", tt.variable, warnings, tt.want)
			}
		})
	}
}

func TestDevelopmentWithoutKeysWarnsOnce(t *testing.T) {
	_, warnings, problems := load(t, nil)
	count := 0
	for _, w := range warnings {
		if w.Variable == "API_KEYS" {
			count++
		}
	}
	if count != 1 || len(problems) > 0 {
		t.Errorf("Load() gives %d warnings of API_KEYS and %v, want one and no problem", count, problems)
	}
}
