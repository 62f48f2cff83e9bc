package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// serve calls cluster.Serve on a free port and returns its address and, once
// it has returned, its error.
func serve(ctx context.Context, handler fasthttp.RequestHandler, opts ...cluster.Option) (addr <-chan string, ended <-chan error) {
	ready, returned := make(chan string, 1), make(chan error, 1)
	opts = append(opts, cluster.WithReady(func(a net.Addr) { ready <- a.String() }))
	go func() { returned <- cluster.Serve(ctx, "127.0.0.1:0", handler, opts...) }()
	return ready, returned
}

func TestServeServesUntilContextEnds(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log lockedBuffer
	notFinished := errors.New("not finished")
	notified := make(chan bool, 1)
	var observed lockedBuffer
	ready, ended := serve(ctx, faultHandler(nil),
		cluster.WithWorkers(2),
		cluster.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		cluster.WithShutdownTimeout(patience),
		cluster.WithShutdown(func(ctx context.Context) error {
			_, bounded := ctx.Deadline()
			notified <- bounded
			return notFinished
		}),
		cluster.WithOptions(func(o *cluster.Options) {
			o.Shutdown.HandshakeGrace = 10 * time.Millisecond
			o.Observe = func(e cluster.Event) { _, _ = observed.Write([]byte(cluster.Message(e) + "\n")) }
		}))
	addr := within(t, "start", ready)
	for path, want := range map[string]string{"/": "ok", "/panic": "Internal Server Error\n"} {
		if a := mustGet(t, addr, path); a.body != want {
			t.Errorf("GET %s = %q, want %q", path, a.body, want)
		}
	}
	stop()
	if !within(t, "shutdown hook", notified) {
		t.Error("the context of the shutdown hook has no deadline")
	}
	if err := within(t, "end of Serve", ended); !errors.Is(err, notFinished) {
		t.Errorf("Serve() = %v, want the error of the shutdown hook", err)
	}
	if a, err := (&client{addr: addr}).get("/"); !connectionRefused(err) {
		t.Errorf("after Serve: %+v, %v, want connection refused", a, err)
	}
	for _, want := range []string{`msg="supervisor started" workers=2`, `msg="panic contained"`, `value="on purpose"`, `step="goroutines ended"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, log.String())
		}
	}
	if !strings.Contains(observed.String(), "supervisor started\n") {
		t.Errorf("Observe was called with %q, want every event", observed.String())
	}
}

func TestServeWithEndedContextReturns(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, ended := serve(ctx, answerOK)
	if err := within(t, "end of Serve", ended); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Serve() = %v, want nil or the context's error", err)
	}
}

func TestServeReturnsErrGaveUp(t *testing.T) {
	t.Parallel()
	ready, ended := serve(t.Context(), faultHandler(nil), cluster.WithWorkers(1), cluster.WithOptions(func(o *cluster.Options) {
		o.Restart = cluster.Restart{MaxRestarts: 1, BackoffMin: time.Hour, BackoffMax: time.Hour}
		o.Shutdown.HandshakeGrace = time.Millisecond
	}))
	addr := within(t, "start", ready)
	for {
		select {
		case err := <-ended:
			if !errors.Is(err, cluster.ErrGaveUp) {
				t.Errorf("Serve() = %v, want ErrGaveUp", err)
			}
			return
		default:
			_, _ = (&client{addr: addr, closeEach: true}).get("/kill")
		}
	}
}

func TestServeReportsUnusableAddress(t *testing.T) {
	t.Parallel()
	taken := openListener(t).Addr().String()
	tests := map[string]string{
		"port in use":     taken,
		"no port":         "127.0.0.1",
		"unknown service": "127.0.0.1:no-such-service",
		"port too high":   "127.0.0.1:70000",
	}
	for name, addr := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := cluster.Serve(t.Context(), addr, answerOK); err == nil || !strings.Contains(err.Error(), addr) {
				t.Errorf("Serve(%q) = %v, want an error that names the address", addr, err)
			}
		})
	}
	if err := cluster.Serve(t.Context(), "127.0.0.1:0", nil); err == nil {
		t.Error("Serve without a handler: no error")
	}
}
