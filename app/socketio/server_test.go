package socketio_test

import (
	"context"
	"errors"
	"smart-factory-backend/app/socketio"
	"testing"
	"time"
)

func TestClose(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, echoServer, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		s := ts.io.Sockets()[0]
		asked := make(chan error, 1)
		go func() { asked <- errorOf(ts.io.Timeout(time.Hour).EmitWithAck(context.Background(), "q")) }()
		c.expect(`20["q"]`)
		must(t, ts.io.Close(t.Context(), 10*time.Millisecond))
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
		must(t, ts.io.Close(t.Context(), 0))
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
	if err := ts.io.Close(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close() = %v, want the deadline", err)
	}
	close(gate)
}
