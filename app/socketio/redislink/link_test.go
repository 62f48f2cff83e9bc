package redislink_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio/redislink"
)

// unreachable is the URL of a port where nothing listens.
const unreachable = "redis://127.0.0.1:1"

func options(url string) redislink.Options {
	return redislink.Options{
		URL: url, Timeout: 5 * time.Second, BackoffMin: 10 * time.Millisecond, BackoffMax: 100 * time.Millisecond,
		QueueBytes: 1 << 20, QueueAge: time.Minute,
	}
}

func newLink(t *testing.T, o redislink.Options) *redislink.Link {
	t.Helper()
	l, err := redislink.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNewRejectsInvalidOptions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*redislink.Options){
		"no URL":           func(o *redislink.Options) { o.URL = "" },
		"no scheme":        func(o *redislink.Options) { o.URL = "127.0.0.1:6379" },
		"unknown scheme":   func(o *redislink.Options) { o.URL = "http://127.0.0.1" },
		"invalid database": func(o *redislink.Options) { o.URL = "redis://:secret@127.0.0.1/x" },
		"no timeout":       func(o *redislink.Options) { o.Timeout = 0 },
		"no backoff":       func(o *redislink.Options) { o.BackoffMin = 0 },
		"backoff reversed": func(o *redislink.Options) { o.BackoffMax = 1 },
		"no queue":         func(o *redislink.Options) { o.QueueBytes = 0 },
		"negative age":     func(o *redislink.Options) { o.QueueAge = -1 },
		"no poll interval": func(o *redislink.Options) {
			o.Poll = func(context.Context, *redislink.Connection, bool) error { return nil }
		},
	} {
		o := options(unreachable)
		change(&o)
		if l, err := redislink.New(o); err == nil || l != nil {
			t.Errorf("%s: New = %v, %v, want an error", name, l, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error contains the password: %v", name, err)
		}
	}
}

func TestRunEndsWithItsContextAndRunsOnce(t *testing.T) {
	t.Parallel()
	l := newLink(t, options(unreachable))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if err := l.Run(t.Context()); !errors.Is(err, redislink.ErrRunning) {
		t.Errorf("second Run = %v, want ErrRunning", err)
	}
	l.Publish("c", []byte("after the end"))
	l.Subscribe("c", func(string, string) {}).Cancel()
	if s := l.Stats(); s.Connected || s.QueuedBytes != 0 || s.Dropped != 1 {
		t.Errorf("Stats = %+v after Run, want one dropped publication", s)
	}
}

func TestPublicationsWaitForAConnectionOrAreDropped(t *testing.T) {
	t.Parallel()
	queueing := newLink(t, options(unreachable))
	o := options(unreachable)
	o.QueueAge = 0
	dropping := newLink(t, o)
	for _, l := range []*redislink.Link{queueing, dropping} {
		l.Publish("c", []byte("message"))
		if _, err := l.Subscribers(t.Context(), "c"); !errors.Is(err, redislink.ErrDisconnected) || l.Err() == nil {
			t.Errorf("Subscribers = %v, Err = %v, want ErrDisconnected", err, l.Err())
		}
	}
	if s := queueing.Stats(); s.QueuedBytes == 0 || s.Dropped != 0 {
		t.Errorf("Stats = %+v, want the publication queued", s)
	}
	if s := dropping.Stats(); s.QueuedBytes != 0 || s.Dropped != 1 {
		t.Errorf("Stats = %+v, want the publication dropped", s)
	}
}

func TestEachFailedAttemptIsReported(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o, attempts := options(unreachable), 0
	o.OnState = func(err error) {
		if err == nil {
			t.Error("OnState(nil) without a server")
		}
		if attempts++; attempts == 3 {
			cancel()
		}
	}
	if err := newLink(t, o).Run(ctx); err != nil || attempts != 3 {
		t.Errorf("Run = %v after %d attempts, want nil after 3", err, attempts)
	}
}

func TestEscapePattern(t *testing.T) {
	t.Parallel()
	if got, want := redislink.EscapePattern(`a*[b]?\`), `a\*\[b\]\?\\`; got != want {
		t.Errorf("EscapePattern = %s, want %s", got, want)
	}
}

// A panic in a hook costs one attempt to connect, not the loop.
func TestRunSurvivesAPanic(t *testing.T) {
	t.Parallel()
	for _, url := range []string{unreachable, unreachable + ",127.0.0.1:2"} {
		testPanic(t, options(url))
	}
}

func testPanic(t *testing.T, o redislink.Options) {
	t.Helper()
	attempts := 0
	again := make(chan struct{})
	o.OnState = func(error) {
		attempts++
		switch attempts {
		case 1:
			panic("a fault in a hook")
		case 2:
			close(again)
		}
	}
	l := newLink(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	select {
	case <-again:
	case <-time.After(time.Minute):
		t.Error("no second attempt")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}
