package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/testkit/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// timeout bounds every wait. Only a failing test reaches it.
const timeout = 30 * time.Second

// logBuffer collects log lines. It may be used concurrently.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// settings is an environment that a test can change. It may be used
// concurrently.
type settings struct {
	mu     sync.Mutex
	values map[string]string
}

func (s *settings) set(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = value
}

func (s *settings) load() (config.Config, error) {
	return config.Load(func(name string) (value string, set bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		value, set = s.values[name]
		return value, set
	})
}

// testSettings returns the settings of a server on free ports with one worker,
// and those of env, which has the form NAME=value.
func testSettings(t *testing.T, env ...string) *settings {
	t.Helper()
	dir := t.TempDir()
	s := &settings{values: map[string]string{}}
	for _, e := range append([]string{
		"HOST=127.0.0.1", "PORT=0", "DATA_DIR=" + dir, "CONTROL_SOCKET=" + filepath.Join(dir, "c"), "ADMIN_ADDR=127.0.0.1:0", "CLUSTER_WORKERS=1",
	}, env...) {
		name, value, _ := strings.Cut(e, "=")
		s.set(name, value)
	}
	return s
}

// newApp makes an App that logs to the returned buffer and is reloaded from s.
func newApp(t *testing.T, s *settings) (*App, *logBuffer) {
	t.Helper()
	c, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	log, level := &logBuffer{}, new(slog.LevelVar)
	level.Set(c.LogLevel)
	t.Cleanup(func() { _ = debug.SetCrashOutput(nil, debug.CrashOptions{}) })
	a, err := New(c, Options{
		Build: Build{Version: "1.2.3", Commit: "abc"}, Log: NewLogger(log, "json", level), Level: level, Load: s.load,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, log
}

// launch runs the server in this process until the test ends. It returns when
// every worker accepts connections. A server sets GOMAXPROCS and the crash output
// of the process, so tests that launch one are not parallel.
func launch(t *testing.T, env ...string) (a *App, addr string) {
	t.Helper()
	a, _ = launchWith(t, testSettings(t, env...))
	return a, a.supervisor.Addr().String()
}

// launchWith is launch with settings that the test may change, and with the log.
func launchWith(t *testing.T, s *settings) (*App, *logBuffer) {
	t.Helper()
	a, log := newApp(t, s)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	waitUntil(t, "Run opens the server", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("Run = %v", err)
		default:
		}
		return a.opened.Load()
	})
	select {
	case <-a.supervisor.Ready():
	case <-time.After(timeout):
		t.Fatal("the workers do not become ready")
	}
	return a, log
}

// waitUntil polls condition until it holds.
func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(timeout); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("still not true: %s", what)
		}
	}
}
