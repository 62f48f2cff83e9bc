package eventloop_test

import (
	"context"
	"errors"
	"testing"

	"smart-factory-backend/app/websocket/eventloop"
)

func TestRunClosesConnections(t *testing.T) {
	t.Parallel()
	l, stop := startLoop(t)
	var hs []*handler
	for range 20 {
		s, _ := socketPair(t)
		hs = append(hs, newHandler(nil))
		addConn(t, l, s, hs[len(hs)-1], 1000)
	}
	stop()
	for _, h := range hs {
		if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrStopped) {
			t.Errorf("Closed(%v), want ErrStopped", err)
		}
	}
	s, _ := socketPair(t)
	if err := l.Add(&eventloop.Conn{}, s, newHandler(nil), 1000); !errors.Is(err, eventloop.ErrStopped) {
		t.Errorf("Add() = %v, want ErrStopped", err)
	}
	_ = s.Close()
	if l.Go(func() { t.Error("f runs") }) {
		t.Error("Go() = true after the end")
	}
}

func TestRunWithEndedContext(t *testing.T) {
	t.Parallel()
	l, err := eventloop.New(eventloop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := socketPair(t)
	h := newHandler(nil)
	addConn(t, l, s, h, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Run(ctx); err != nil {
		t.Errorf("Run() = %v", err)
	}
	if err := receive(t, "the end", h.closed); !errors.Is(err, eventloop.ErrStopped) {
		t.Errorf("Closed(%v), want ErrStopped", err)
	}
}
