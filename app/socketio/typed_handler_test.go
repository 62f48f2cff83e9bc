package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

func TestOnDecodesTheFirstArgument(t *testing.T) {
	t.Parallel()
	type limit struct {
		Machine string  `json:"machine"`
		Max     float64 `json:"max"`
	}
	errs := make(chan error, 10)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		socketio.On(io, "limit", func(_ context.Context, e *socketio.Event, l limit) error {
			return e.Ack(fmt.Sprintf("%s %v %s", l.Machine, l.Max, e.Args.Text(1)))
		})
		socketio.On(io, "bytes", func(_ context.Context, e *socketio.Event, b []byte) error { return e.Ack(string(b)) })
		socketio.On(io, "fails", func(context.Context, *socketio.Event, any) error { return errors.ErrUnsupported })
		io.OnConnection(func(s *socketio.Socket) {
			socketio.On(s, "of the socket", func(_ context.Context, e *socketio.Event, n int) error { return e.Ack(n + 1) })
		})
		io.OnError(func(_ *socketio.Socket, err error) {
			failed, ok := errors.AsType[*socketio.EventError](err)
			if !ok {
				t.Errorf("OnError got %T", err)
				return
			}
			_ = failed.Event.Ack("failed")
			errs <- err
		})
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.send(`21["limit",{"machine":"press","max":3},"note"]`, `22["limit"]`, `23["limit",7]`, `24["fails"]`,
		`51-5["bytes",{"_placeholder":true,"num":0}]`, "b:raw", `26["of the socket",1]`)
	c.expect(`31["press 3 note"]`, `32[" 0 "]`, `33["failed"]`, `34["failed"]`, `35["raw"]`, `36[2]`)
	if err := receive(t, errs); errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OnError got %v, want the error of decoding", err)
	}
	if err := receive(t, errs); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OnError got %v, want the error of the handler", err)
	}
}

func TestContextEndsWithItsSocket(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, func(io *socketio.Server) {
		socketio.On(io, "wait", func(ctx context.Context, e *socketio.Event, _ any) error {
			_ = e.Ack()
			<-ctx.Done()
			return context.Cause(ctx)
		})
	}, func(t *testing.T, ts *testServer, dial func() *testClient) {
		causes := make(chan error, 1)
		ts.io.OnError(func(s *socketio.Socket, err error) {
			causes <- err
			if cause := context.Cause(s.Context()); !errors.Is(cause, socketio.ErrDisconnected) {
				t.Errorf("Cause = %v, want ErrDisconnected", cause)
			}
		})
		c := dial()
		c.connect("", "")
		s := ts.io.Sockets()[0]
		if s.Context().Err() != nil {
			t.Error("the context has ended before its socket")
		}
		c.send(`21["wait"]`)
		c.expect(`31[]`)
		c.send("1")
		if err := receive(t, causes); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("the handler's context ended for %v, want ErrDisconnected", err)
		}
	})
}

func TestAckOfAnEndedContextIsDisconnected(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 1)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		io.On("ask", func(e *socketio.Event) {
			ctx, cancel := context.WithTimeout(e.Context(), time.Hour)
			defer cancel()
			errs <- errorOf(e.Socket.EmitWithAck(ctx, "question"))
		})
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.send(`2["ask"]`)
	c.expect(`20["question"]`)
	c.send("1")
	if err := receive(t, errs); !errors.Is(err, socketio.ErrDisconnected) {
		t.Errorf("EmitWithAck = %v, want ErrDisconnected", err)
	}
}

func TestContextOfARejectedSocketEnds(t *testing.T) {
	t.Parallel()
	contexts := make(chan context.Context, 1)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		io.Use(func(s *socketio.Socket) error {
			contexts <- s.Context()
			return errors.New("no")
		})
	})
	c := ts.dial("websocket")
	c.send("0")
	c.expect(`4{"message":"no"}`)
	ctx := receive(t, contexts)
	select {
	case <-ctx.Done():
	case <-time.After(testTimeout):
		t.Error("the context of a rejected socket has not ended")
	}
}
