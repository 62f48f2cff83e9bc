package standalone_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio/standalone"
)

// patience bounds every wait; only a test that fails uses it up.
const patience = time.Minute

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func run(ctx context.Context, t *testing.T, o standalone.Options) (ended <-chan error) {
	t.Helper()
	loop, err := standalone.Loop()
	if err != nil {
		t.Fatal(err)
	}
	c := make(chan error, 1)
	go func() { c <- standalone.Run(ctx, loop, o) }()
	return c
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestServesAndEnds(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log logged
	addr, closed := make(chan string, 1), make(chan struct{}, 1)
	ended := run(ctx, t, standalone.Options{
		Host: "127.0.0.1", Log: slog.New(slog.NewTextHandler(&log, nil)),
		Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/panic" {
				panic("on purpose")
			}
			ctx.SetBodyString("served")
		},
		Ready: func(a string) { addr <- a },
		Close: func(ctx context.Context) error {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("Close has no deadline")
			}
			closed <- struct{}{}
			return errors.New("not quite")
		},
	})
	url := "http://" + receive(t, addr)
	for path, want := range map[string]string{"/": "served", "/panic": "Internal Server Error\n"} {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(body) != want {
			t.Errorf("GET %s = %q, want %q", path, body, want)
		}
	}
	if !strings.Contains(log.String(), "on purpose") {
		t.Errorf("the log does not tell of the panic: %s", log.String())
	}
	stop()
	receive(t, closed)
	if err := receive(t, ended); err == nil || err.Error() != "not quite" {
		t.Errorf("Run() = %v, want what Close returned", err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second); err == nil {
		t.Error("it still listens")
	}
}

func TestEndsBeforeItIsReady(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	handler := func(*fasthttp.RequestCtx) {}
	if err := receive(t, run(ctx, t, standalone.Options{Host: "127.0.0.1", Handler: handler})); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Run() = %v", err)
	}
}

func TestATakenPortIsAnError(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	err = receive(t, run(t.Context(), t, standalone.Options{Host: "127.0.0.1", Port: port, Handler: func(*fasthttp.RequestCtx) {}}))
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("Run() = %v, want an error that names the port", err)
	}
}
