package socketio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/websocket/eventloop"
)

func TestClose(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{ShutdownSpread: 10 * time.Millisecond}, echoServer, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		s := ts.io.Sockets()[0]
		asked := make(chan error, 1)
		go func() { asked <- errorOf(ts.io.Timeout(time.Hour).EmitWithAck(context.Background(), "q")) }()
		c.expect(`20["q"]`)
		must(t, ts.io.Close(t.Context()))
		if err := receive(t, asked); !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("EmitWithAck ended with %v, want ErrClosed", err)
		}
		if r := receive(t, ts.disconnects); r != socketio.ServerShuttingDown {
			t.Errorf("disconnected for %q, want %q", r, socketio.ServerShuttingDown)
		}
		c.expectClosed()
		for what, err := range map[string]error{
			"Emit of the server":  ts.io.Emit("e"),
			"Emit of a namespace": ts.io.Of("/new").Emit("e"),
			"SocketsJoin":         ts.io.SocketsJoin("r"),
			"SocketsLeave":        ts.io.SocketsLeave("r"),
			"EmitWithAck":         errorOf(ts.io.EmitWithAck(context.Background(), "e")),
		} {
			if !errors.Is(err, socketio.ErrClosed) {
				t.Errorf("%s after Close: %v, want ErrClosed", what, err)
			}
		}
		if err := s.Emit("e"); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("Emit of a socket after Close: %v, want ErrDisconnected", err)
		}
		s.Join("r")
		s.Leave("r")
		s.Disconnect(true)
		if got := s.Rooms(); len(got) != 0 {
			t.Errorf("Rooms() = %v after Close", got)
		}
		must(t, ts.io.Close(t.Context()))
	})
}

func errorOf[T any](_ T, err error) error { return err }

func echoServer(io *socketio.Server) { registerEcho(io) }

func TestCloseStopsWaitingAtDeadline(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	ts := startServer(t, socketio.Options{MaxQueued: 1}, func(io *socketio.Server) {
		io.On("block", func(*socketio.Event) { <-gate })
	})
	c := ts.dial("websocket")
	c.connect("", "")
	for range 5 {
		c.send(`2["block"]`)
	}
	waitUntil(t, "the receiver waits", ts.io.Sockets()[0].ReceivePaused)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := ts.io.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close() = %v, want the deadline", err)
	}
	close(gate)
}

func TestRunAndCloseInEitherOrder(t *testing.T) {
	t.Parallel()
	newServer := func() *socketio.Server {
		s, err := socketio.NewServer(socketio.Options{})
		must(t, err)
		return s
	}
	t.Run("cancelled at once", func(t *testing.T) {
		t.Parallel()
		s := newServer()
		must(t, s.Run(canceled()))
		if err := s.Run(t.Context()); err == nil {
			t.Error("second Run = nil, want an error")
		}
		must(t, s.Close(t.Context()))
	})
	t.Run("closed before it runs", func(t *testing.T) {
		t.Parallel()
		s := newServer()
		must(t, s.Close(t.Context()))
		must(t, s.Close(t.Context()))
		if err := s.Run(t.Context()); err == nil {
			t.Error("Run after Close = nil, want an error")
		}
	})
	t.Run("closed while it runs", func(t *testing.T) {
		t.Parallel()
		s := newServer()
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan struct{})
		s.EngineOptions().Loop.SetTimer(new(eventloop.Timer), time.Millisecond, func() { close(ran) })
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		receive(t, ran)
		must(t, s.Close(t.Context()))
		stop()
		if err := receive(t, ended); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}
