package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"smart-factory-backend/app/cli"
	"smart-factory-backend/app/config"
	"smart-factory-backend/app/control"
)

// sampleStatus returns a status with every member set.
func sampleStatus() control.Status {
	return control.Status{
		PID: 4211, Version: "1.4.0", Commit: "3f2a9c1", UptimeS: 273_840, Environment: "production",
		Address: "[::]:3000", GOMAXPROCS: 4, CPUQuota: 3.5, WorkersWanted: 4, State: "running",
		Workers: []control.Worker{
			{ID: 1, Generation: 12, State: "running", UptimeS: 7.4, Restarts: 0, Panics: 11, Connections: 312, InFlight: 4, RequestsTotal: 90_500},
			{ID: 2, Generation: 1, State: "running", UptimeS: 273_839, Connections: 298, RequestsTotal: 10_001},
			{ID: 3, Generation: 7, State: "backoff", Restarts: 6, AdoptedBy: 2, RequestsTotal: 5_000},
			{ID: 4, Generation: 1, State: "starting", RequestsTotal: 3},
		},
		DrainingGenerations: 1, AbandonedGenerations: 2, WebSockets: 87, EventStreams: 5,
		Store:    control.Store{Engine: "sqlite", Series: 1204, Points: 3_412_000, Queued: 12, Bytes: 123_731_968, Ready: true},
		Memory:   control.Memory{RSS: 88_080_384, Heap: 5_452_595, Limit: 268_435_456},
		LogLevel: "info",
	}
}

// earlierStatus returns sampleStatus half a second earlier, without worker 4.
func earlierStatus() *control.Status {
	s := sampleStatus()
	s.UptimeS -= 0.5
	s.Workers = []control.Worker{{ID: 1, RequestsTotal: 90_000}, {ID: 2, RequestsTotal: 10_000}, {ID: 3, RequestsTotal: 5_000}}
	return &s
}

// golden compares got with a file in testdata, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

func TestStatusPage(t *testing.T) {
	t.Parallel()
	idle := control.Status{PID: 1, Version: "dev", Commit: "unknown", UptimeS: 3, State: "draining", Environment: "development", Store: control.Store{Engine: "sqlite"}}
	restarted := earlierStatus()
	restarted.PID++
	large := sampleStatus()
	large.Version, large.Commit = "v0.0.0-20261201034016-25406120b44c", "25406120b44c-modified"
	large.Address, large.WebSockets, large.EventStreams = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535", 40_000, 40_000
	large.Store = control.Store{Engine: "postgres", Series: 100_000, Points: 999_900_000, Queued: 200_000, Bytes: 1 << 40}
	large.Workers[2] = control.Worker{ID: 128, Generation: 99_999, State: "backoff", UptimeS: 31e6, Restarts: 99_999, Panics: 99_999, Connections: 50_000, InFlight: 50_000, AdoptedBy: 127}
	pages := map[string][]string{
		"status.golden":           cli.StatusPage(sampleStatus(), earlierStatus(), false),
		"status-colours.golden":   cli.StatusPage(sampleStatus(), earlierStatus(), true),
		"status-idle.golden":      cli.StatusPage(idle, nil, false),
		"status-large.golden":     cli.StatusPage(large, nil, false),
		"status-restarted.golden": cli.StatusPage(sampleStatus(), restarted, false),
	}
	for name, lines := range pages {
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > 80 && name != "status-colours.golden" {
				t.Errorf("%s has a line of %d columns: %q", name, n, line)
			}
		}
		golden(t, name, strings.Join(lines, "\n")+"\n")
	}
}

// backend is a control.Backend made of functions.
type backend struct {
	status func() (control.Status, error)
	reload func(context.Context) (control.ReloadResult, error)
	scale  func(n int) (control.ScaleResult, error)
}

func (b backend) Status(context.Context) (control.Status, error) { return b.status() }
func (b backend) Reload(ctx context.Context) (control.ReloadResult, error) {
	return b.reload(ctx)
}
func (b backend) Scale(_ context.Context, n int) (control.ScaleResult, error) { return b.scale(n) }

// serveControl runs a control server until the test ends, and returns a change
// of a configuration to its socket.
func serveControl(t *testing.T, b backend) func(*config.Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	s := control.NewServer(path, b)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return func(c *config.Config) { c.ControlSocket = path }
}

// countingBackend returns a backend whose uptime grows by half a second, and
// whose requests grow by 500, with every call.
func countingBackend() backend {
	s := *earlierStatus()
	return backend{status: func() (control.Status, error) {
		now := s
		now.Workers = append([]control.Worker(nil), s.Workers...)
		s.UptimeS += 0.5
		s.Workers = append([]control.Worker(nil), s.Workers...)
		s.Workers[0].RequestsTotal += 500
		return now, nil
	}}
}

func TestStatusMeasuresRequestsPerSecond(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), serveControl(t, countingBackend()), "status")
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("status = %+v, want exit code 0", got)
	}
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if total := strings.Fields(lines[len(lines)-1]); total[0] != "all" || total[len(total)-1] != "1000" {
		t.Errorf("last line of status = %q, want 1000 requests per second", total)
	}
	if strings.Contains(got.stdout, "\x1b") {
		t.Errorf("status has colours without a terminal: %q", got.stdout)
	}
}

func TestStatusJSONIsTheControlSocketsStatus(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), serveControl(t, backend{status: func() (control.Status, error) { return sampleStatus(), nil }}), "status", "--json")
	want, err := json.Marshal(sampleStatus())
	if err != nil {
		t.Fatal(err)
	}
	if got.code != 0 || got.stdout != string(want)+"\n" {
		t.Errorf("status --json = %+v, want %s", got, want)
	}
}

func TestReloadAndScaleReportTheirResult(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		backend        backend
		args           []string
		code           int
		stdout, stderr string
	}{
		"reload": {
			backend: backend{reload: func(context.Context) (control.ReloadResult, error) {
				return control.ReloadResult{Recycled: 4, Changed: []string{"LOG_LEVEL", "API_KEYS"}}, nil
			}},
			args: []string{"reload"}, stdout: "recycled 4 workers; changed: LOG_LEVEL, API_KEYS\n",
		},
		"reload of nothing": {
			backend: backend{reload: func(context.Context) (control.ReloadResult, error) {
				return control.ReloadResult{Recycled: 1}, nil
			}},
			args: []string{"reload"}, stdout: "recycled 1 worker; nothing changed\n",
		},
		"reload that is refused": {
			backend: backend{reload: func(context.Context) (control.ReloadResult, error) {
				return control.ReloadResult{}, errors.New("bad keys")
			}},
			args: []string{"reload"}, code: 1, stderr: "smart-factory-backend reload: bad keys\n",
		},
		"scale": {
			backend: backend{scale: func(n int) (control.ScaleResult, error) { return control.ScaleResult{From: 4, To: n}, nil }},
			args:    []string{"scale", "1"}, stdout: "1 worker, before 4\n",
		},
		"scale beyond the limit": {
			backend: backend{scale: func(int) (control.ScaleResult, error) {
				return control.ScaleResult{From: 2, To: 4, Note: "64 is more than GOMAXPROCS"}, nil
			}},
			args: []string{"scale", "64"}, stdout: "4 workers, before 2 (64 is more than GOMAXPROCS)\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t.Context(), serveControl(t, tt.backend), tt.args...)
			if want := (result{tt.code, tt.stdout, tt.stderr}); got != want {
				t.Errorf("%v = %+v, want %+v", tt.args, got, want)
			}
		})
	}
}

func TestReloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	find := serveControl(t, backend{reload: func(call context.Context) (control.ReloadResult, error) {
		cancel() // as Ctrl-C does
		<-call.Done()
		return control.ReloadResult{}, call.Err()
	}})
	if got := run(ctx, find, "reload"); got.code != 130 {
		t.Errorf("reload = %+v, want exit code 130", got)
	}
}

func TestControlCommandsWithoutARunningServer(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"status"}, {"status", "--watch"}, {"status", "--json"}, {"reload"}, {"scale", "2"}} {
		got := run(t.Context(), func(c *config.Config) { c.ControlSocket = missing }, args...)
		want := "smart-factory-backend " + args[0] + ": no smart-factory-backend is running (no socket at " + missing + ")\n"
		if got.code != 1 || got.stderr != want {
			t.Errorf("%v = %+v, want exit code 1 and %q", args, got, want)
		}
		// The system assigns no privileged ports, so no server uses this one.
		got = run(t.Context(), func(c *config.Config) {
			c.Port, c.ControlSocket = 1, ""
			c.ControlSocket = c.ControlSocketFor(1)
		}, args...)
		if want := "no smart-factory-backend is running on port 1 (no socket at "; got.code != 1 || !strings.Contains(got.stderr, want) {
			t.Errorf("%v = %+v, want exit code 1 and %q", args, got, want)
		}
		got = run(t.Context(), func(c *config.Config) { c.Port, c.ControlSocket = 0, "" }, args...)
		if got.code != 1 || !strings.Contains(got.stderr, "set CONTROL_SOCKET") {
			t.Errorf("%v with port 0 = %+v, want exit code 1 and what to do", args, got)
		}
	}
}
