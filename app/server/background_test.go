package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"
)

type runningWorkers struct{}

func (runningWorkers) Workers() (running, total int) { return 1, 1 }
func (runningWorkers) Draining() bool                { return false }

// A loop that ends in any way while it should run is started again, after a delay
// that grows, and health is degraded meanwhile.
func TestBackgroundLoopsAreStartedAgain(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error":       func() error { return errors.New("the reason") },
		"no error":       func() error { return nil },
		"a panic":        func() error { panic("the reason") },
		"runtime.Goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			set, registry := metrics.New(), health.New(runningWorkers{}, time.Now)
			b := newBackground(slog.New(slog.NewTextHandler(&log, nil)), set, registry)
			delays := make(chan time.Duration)
			b.delay = func(ctx context.Context, d time.Duration) {
				select {
				case delays <- d:
				case <-ctx.Done():
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			calls, running, result := 0, make(chan struct{}), make(chan error, 1)
			b.run(ctx, "test", func(ctx context.Context) error {
				if calls++; calls < 4 {
					return fail()
				}
				close(running)
				<-ctx.Done()
				return errors.New("the end")
			}, func(err error) { result <- err })
			for i, want := range []time.Duration{restartAfter, 2 * restartAfter, 4 * restartAfter} {
				waitUntil(t, "health is degraded", func() bool { return b.err() != nil })
				if got := <-delays; got != want {
					t.Errorf("delay %d = %v, want %v", i, got, want)
				}
			}
			<-running
			if err := b.err(); err != nil {
				t.Errorf("health while the loop runs: %v", err)
			}
			cancel()
			b.wait()
			if err := <-result; err == nil || err.Error() != "the end" {
				t.Errorf("done received %v", err)
			}
			var text strings.Builder
			set.WritePrometheus(&text)
			if !strings.Contains(text.String(), `smartfactory_loop_restarts_total{loop="test"} 3`) {
				t.Error("the restarts are not counted")
			}
			if n := strings.Count(log.String(), "background loop ended; starting it again"); n != 3 {
				t.Errorf("%d log lines, want 3:\n%s", n, log.String())
			}
		})
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A taken default address of the admin port is waited for.
func TestAdminPortWaitsForItsDefaultAddress(t *testing.T) {
	t.Parallel()
	occupied := listen(t)
	addr := occupied.Addr().String()
	log := new(logBuffer)
	s, err := newAdmin(addr, true, nil, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil || !strings.Contains(log.String(), "admin address in use") {
		t.Fatalf("newAdmin(taken) = %v; log %s", err, log.String())
	}
	if _, err := newAdmin(addr, false, nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "ADMIN_ADDR") ||
		!strings.Contains(err.Error(), "by pid ") {
		t.Errorf("newAdmin(taken, set by hand) = %v, want an error with the pid", err)
	}
	s.retry = time.Millisecond
	_ = occupied.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	waitUntil(t, "the admin port listens", func() bool { return strings.Contains(log.String(), "admin address is free") })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run() = %v", err)
	}
}
