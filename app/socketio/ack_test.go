package socketio_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

func TestHandlerWaitsForAcknowledgement(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, func(io *socketio.Server) {
		io.OnConnection(func(s *socketio.Socket) {
			answer, err := s.EmitWithAck(context.Background(), "who")
			_ = s.Emit("you-are", answer, err != nil)
		})
		io.On("ask", func(e *socketio.Event) {
			answer, err := e.Socket.Timeout(testTimeout).EmitWithAck(context.Background(), "q", e.Args)
			_ = e.Ack(err == nil, answer)
		})
		io.On("after", func(e *socketio.Event) { _ = e.Socket.Emit("after") })
	}, func(_ *testing.T, _ *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		c.expect(`20["who"]`)
		c.send(`2["after"]`) // waits for the previous handler
		c.send(`30["me"]`)
		c.expect(`2["you-are","me",false]`, `2["after"]`)
		c.send(`25["ask",1,{"_placeholder":false}]`, `2["after"]`)
		c.expect(`21["q",1,{"_placeholder":false}]`)
		c.send(`61-1[{"_placeholder":true,"num":0},"x"]`, "b:\x07")
		c.expect(`61-5[true,{"_placeholder":true,"num":0},"x"]`, "b:\x07", `2["after"]`)
	})
}

func TestEmitWithAckErrors(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, nil, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		s := ts.io.Sockets()[0]
		if _, err := s.Timeout(20*time.Millisecond).EmitWithAck(t.Context(), "q"); !errors.Is(err, socketio.ErrTimeout) {
			t.Errorf("without an answer: %v, want ErrTimeout", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.EmitWithAck(ctx, "q"); !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v, want context.Canceled", err)
		}
		c.expect(`20["q"]`, `21["q"]`)
		c.send(`30["late"]`, `399["never asked"]`, `3["without an id"]`)
		answered := make(chan error, 2)
		go func() {
			answer, err := s.EmitWithAck(t.Context(), "q")
			if err == nil && answer.Text(0) != "first" {
				err = errors.New("answered " + answer.Text(0))
			}
			answered <- err
		}()
		c.expect(`22["q"]`)
		c.send(`32["first"]`, `32["second"]`)
		if err := receive(t, answered); err != nil {
			t.Errorf("asked: %v", err)
		}
		go func() {
			_, err := s.EmitWithAck(context.Background(), "q")
			answered <- err
		}()
		c.expect(`23["q"]`)
		_ = c.post("1")
		if err := receive(t, answered); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("disconnected: %v, want ErrDisconnected", err)
		}
		if _, err := s.EmitWithAck(context.Background(), "q"); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("asked afterwards: %v, want ErrDisconnected", err)
		}
	})
}

func TestAckCallbackRunsInEventOrder(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, nil)
	c := ts.dial("websocket")
	c.connect("", "")
	s := ts.io.Sockets()[0]
	type result struct {
		text string
		err  error
	}
	results := make(chan result, 3)
	take := func(a socketio.Args, err error) { results <- result{a.Text(0), err} }
	must(t, s.EmitAck(0, take, "q"))
	must(t, s.EmitAck(10*time.Millisecond, take, "q"))
	if r := receive(t, results); !errors.Is(r.err, socketio.ErrTimeout) {
		t.Errorf("got %v, want ErrTimeout", r)
	}
	must(t, s.EmitAck(time.Hour, take, "q"))
	c.expect(`20["q"]`, `21["q"]`, `22["q"]`)
	c.send(`31["late"]`, `30["x"]`)
	if r := receive(t, results); r.err != nil || r.text != "x" {
		t.Errorf("got %v, want x", r)
	}
	_ = c.post("1")
	if r := receive(t, results); !errors.Is(r.err, socketio.ErrDisconnected) {
		t.Errorf("got %v, want ErrDisconnected", r)
	}
}

func TestEventIsAcknowledgedOnce(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 3)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		io.On("e", func(e *socketio.Event) {
			errs <- e.Ack(1)
			errs <- e.Ack(2)
		})
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.send(`24["e"]`, `2["e"]`)
	for _, want := range []error{nil, socketio.ErrAckSent, socketio.ErrNoAck} {
		if err := receive(t, errs); !errors.Is(err, want) {
			t.Errorf("Ack() = %v, want %v", err, want)
		}
	}
	c.expect(`34[1]`)
}

// expiredContext is a context whose time is up when that is closed.
type expiredContext struct {
	context.Context
	up chan struct{}
}

func (e expiredContext) Done() <-chan struct{} { return e.up }

func (e expiredContext) Err() error {
	select {
	case <-e.up:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestBroadcastWithAcknowledgements(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{AckTimeout: 100 * time.Millisecond}, joinRoomsFromAuth, func(t *testing.T, ts *testServer, dial func() *testClient) {
		clients, _ := connectClients(ts, dial, []string{"a"}, []string{"a"}, nil)
		type result struct {
			answers []socketio.Args
			err     error
		}
		results := make(chan result, 1)
		ask := func(ctx context.Context, o socketio.BroadcastOperator) {
			go func() {
				answers, err := o.EmitWithAck(ctx, "q", []byte{1})
				results <- result{answers, err}
			}()
		}
		texts := func(answers []socketio.Args) (all []string) {
			for _, a := range answers {
				all = append(all, string(a.JSON()))
			}
			slices.Sort(all)
			return all
		}
		ask(t.Context(), ts.io.To("a").Timeout(testTimeout))
		for i, c := range clients[:2] {
			c.expect(`51-0["q",{"_placeholder":true,"num":0}]`, "b:\x01")
			c.send([]string{`30["x","more"]`, `30["y"]`}[i])
		}
		if r := receive(t, results); r.err != nil || !slices.Equal(texts(r.answers), []string{`["x"]`, `["y"]`}) {
			t.Errorf("answered %v, %v", texts(r.answers), r.err)
		}
		ctx := expiredContext{t.Context(), make(chan struct{})}
		ask(ctx, ts.io.To("a").Timeout(testTimeout))
		for _, c := range clients[:2] {
			c.expect(`51-1["q",{"_placeholder":true,"num":0}]`, "b:\x01")
		}
		clients[1].send(`31["z"]`, `31["z"]`, `22["join","a"]`)
		if got := clients[1].read(); got[:2] != "32" { // the earlier answers have been received by then
			t.Fatalf("join answered %q", got)
		}
		close(ctx.up)
		if r := receive(t, results); !errors.Is(r.err, socketio.ErrTimeout) || !slices.Equal(texts(r.answers), []string{`["z"]`}) {
			t.Errorf("answered %v, %v, want one and ErrTimeout", texts(r.answers), r.err)
		}
		ask(t.Context(), ts.io.To("a")) // Options.AckTimeout
		if r := receive(t, results); !errors.Is(r.err, socketio.ErrTimeout) || len(r.answers) != 0 {
			t.Errorf("in time answered %v, %v, want none and ErrTimeout", texts(r.answers), r.err)
		}
		ask(t.Context(), ts.io.To("empty").Timeout(testTimeout))
		if r := receive(t, results); r.err != nil || len(r.answers) != 0 {
			t.Errorf("an empty room answered %v, %v", texts(r.answers), r.err)
		}
	})
}
