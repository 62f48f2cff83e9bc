package config_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"smart-factory-backend/app/config"

	"github.com/kelseyhightower/envconfig"
)

// load returns the Config of the given variables and no others, and its
// problems.
func load(t *testing.T, variables map[string]string) (config.Config, config.Problems) {
	t.Helper()
	c, err := config.Load(func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	})
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("Load() = %v, want Problems", err)
	}
	return c, problems
}

func TestLoadWithoutVariablesReturnsTheDefaults(t *testing.T) {
	t.Parallel()
	c, problems := load(t, nil)
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
		"CONTROL_SOCKET":     {c.ControlSocket, filepath.Join("data", "smart-factory-backend-3000.sock")},
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
	t.Parallel()
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
		"ALLOWED_ORIGINS":  {"https://a.example, http://b:81", func(c config.Config) any { return c.AllowedOrigins }, config.Origins{"https://a.example", "http://b:81"}},
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
			config.Prefixes{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, problems := load(t, map[string]string{name: tt.value})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if got := tt.got(c); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s=%q gives %v, want %v", name, tt.value, got, tt.want)
			}
		})
	}
}

func TestEmptyVariablesHaveTheirDefault(t *testing.T) {
	t.Parallel()
	empty := map[string]string{}
	for _, v := range config.Default().Describe() {
		if v.Name != "ADMIN_ADDR" { // for which empty is a value
			empty[v.Name] = ""
			empty[v.Name+"_FILE"] = ""
		}
	}
	c, problems := load(t, empty)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if got, want := c.Describe(), config.Default().Describe(); !slices.Equal(got, want) {
		t.Errorf("Load() = %v, want %v", got, want)
	}
}

func TestProductionChangesDefaults(t *testing.T) {
	t.Parallel()
	c, problems := load(t, map[string]string{
		"NODE_ENV": "production", "API_KEYS": "a:admin:0123456789abcdef",
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if !c.Production() || c.LogFormat != "json" {
		t.Errorf("Production() = %v, LogFormat = %q, want true, json", c.Production(), c.LogFormat)
	}
}

// A refused value must not cause further problems in rules that involve it.
func TestRefusedVariablesKeepTheirDefault(t *testing.T) {
	t.Parallel()
	c, problems := load(t, map[string]string{"WORKER_STALL_AFTER": "soon", "PORT": "http"})
	if len(problems) != 2 || c.WorkerStallAfter != time.Minute || c.Port != 3000 {
		t.Errorf("Load() = stall after %v, port %d, %v, want the defaults and two problems", c.WorkerStallAfter, c.Port, problems)
	}
}

func TestEveryDefaultDecodes(t *testing.T) {
	t.Parallel()
	variables := map[string]string{}
	for _, v := range config.Default().Describe() {
		if v.Value != "" && v.Name != "REDIS_URL" {
			variables[v.Name] = v.Value
		}
	}
	if _, problems := load(t, variables); len(problems) > 0 {
		t.Error(problems)
	}
}

// Config stays a specification that envconfig itself can process.
func TestEnvconfigDecodesTheSameValues(t *testing.T) { // not parallel: envconfig reads the process's environment
	variables := map[string]string{
		"PORT": "8080", "LOG_LEVEL": "warn", "API_KEYS": "a:read:x", "REDIS_URL": "redis://u:p@r", "WS_COMPRESSION": "true",
		"ALLOWED_ORIGINS": "https://a.example,http://b", "TRUSTED_PROXIES": "10.0.0.0/8,::1", "MAX_BODY_BYTES": "2Mi", "IDLE_TIMEOUT": "90s",
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
	want, problems := load(t, variables)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got config.Config
	if err := envconfig.Process("", &got); err != nil {
		t.Fatal(err)
	}
	fields := func(c config.Config) []any {
		return []any{
			c.Port, c.LogLevel, c.APIKeys.Reveal(), c.RedisURL.Reveal(), c.WSCompression, c.AllowedOrigins, c.TrustedProxies,
			c.MaxBodyBytes, c.IdleTimeout, c.MaxSeries, c.AdminAddr, c.RealtimeInterval,
		}
	}
	if !reflect.DeepEqual(fields(got), fields(want)) {
		t.Errorf("envconfig.Process gives %v, Load %v", fields(got), fields(want))
	}
}
