package redisadapter_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/redisadapter"
)

// unreachable is the URL of a port where nothing listens.
const unreachable = "redis://127.0.0.1:1"

func TestNewRejectsInvalidOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]redisadapter.Options{
		"no URL":           {},
		"no scheme":        {URL: "127.0.0.1:6379"},
		"another scheme":   {URL: "http://127.0.0.1"},
		"no database":      {URL: "redis://:secret@127.0.0.1/x"},
		"a negative limit": {URL: unreachable, QueueBytes: -1},
	} {
		if r, err := redisadapter.New(o); err == nil || r != nil {
			t.Errorf("%s: New = %v, %v, want an error", name, r, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error contains the password: %v", name, err)
		}
	}
}

func TestRunEndsWithItsContextAndRunsOnce(t *testing.T) {
	t.Parallel()
	r, err := redisadapter.New(redisadapter.Options{URL: unreachable})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if err := r.Run(t.Context()); !errors.Is(err, redisadapter.ErrRunning) {
		t.Errorf("second Run = %v, want ErrRunning", err)
	}
}

// The server must work as a single one before, during and after Run.
func TestServerWorksWithoutRedis(t *testing.T) {
	t.Parallel()
	r, err := redisadapter.New(redisadapter.Options{URL: unreachable, QueueBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	io, err := socketio.NewServer(socketio.Options{Adapter: r.Adapter})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = io.Close(context.WithoutCancel(t.Context())) }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	use := func() {
		t.Helper()
		began := time.Now()
		for range 1000 {
			if err := io.To("room").Emit("event", 1); err != nil {
				t.Fatalf("Emit = %v", err)
			}
		}
		if err := io.SocketsJoin("room"); err != nil {
			t.Errorf("SocketsJoin = %v", err)
		}
		if n, err := io.ServerCount(ctx); err == nil {
			t.Errorf("ServerCount = %d, want an error", n)
		}
		if _, err := io.ServerSideEmitWithAck(ctx, "event"); err == nil {
			t.Error("ServerSideEmitWithAck succeeded")
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the calls took %v without Redis", took)
		}
		if s := r.Stats(); s.Connected || s.QueuedBytes > 10_000 || s.Dropped == 0 || r.Err() == nil {
			t.Errorf("Stats = %+v, Err = %v", s, r.Err())
		}
	}
	use()
	go func() { ended <- r.Run(ctx) }() // ends with cancel
	use()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	ctx = t.Context()
	use()
}
