package socketio_test

import (
	"errors"
	"fmt"
	"testing"

	"smart-factory-backend/app/socketio"
)

// TestCatchAllHandlers: in their order, of the namespace and of the socket,
// also for events that a middleware drops.
func TestCatchAllHandlers(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 100)
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		say := func(text string) socketio.Handler { return func(e *socketio.Event) { seen <- text + " " + e.Name } }
		io.OnDirect("e", say("handler"))
		io.OnAny(say("any"))
		io.PrependAny(say("before any"))
		io.UseEvents(func(e *socketio.Event) error {
			if e.Name == "bad" {
				return errors.New("not today")
			}
			return nil
		})
		io.OnError(func(_ *socketio.Socket, err error) { seen <- "error " + err.Error() })
		io.OnConnection(func(s *socketio.Socket) {
			s.OnAny(say("own"))
			s.PrependAny(say("before own"))
			s.Use(func(e *socketio.Event) error {
				if e.Name == "worse" {
					return errors.New("never")
				}
				return nil
			})
			s.OnError(func(err error) { seen <- "own error " + err.Error() })
			s.On("e", say("own handler"))
			s.On("stop", func(*socketio.Event) { s.OffAny(); s.Off() })
			s.Once("twice", say("once"))
		})
	})
	c := p.dial("websocket")
	c.connect("", "")
	c.send(`2["e"]`, `2["bad"]`, `2["worse"]`, `2["twice"]`, `2["twice"]`, `2["stop"]`, `2["e"]`)
	catching := func(event string) []string {
		return []string{"before any " + event, "any " + event, "before own " + event, "own " + event}
	}
	var want []string
	want = append(append(want, catching("e")...), "handler e", "own handler e")
	want = append(append(want, catching("bad")...), "error not today", "own error not today")
	want = append(append(want, catching("worse")...), "error never", "own error never")
	want = append(append(want, catching("twice")...), "once twice")
	want = append(append(want, catching("twice")...), catching("stop")...)
	want = append(want, "before any e", "any e", "handler e")
	for i, w := range want {
		if got := receive(t, seen); got != w {
			t.Fatalf("%d: got %q, want %q", i, got, w)
		}
	}
}

// TestOutgoingHandlers: they are told of all that is sent to a socket, however
// it is sent, and of nothing else.
func TestOutgoingHandlers(t *testing.T) {
	t.Parallel()
	for name, recovery := range map[string]*socketio.Recovery{"plain": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, sockets := make(chan string, 100), make(chan *socketio.Socket, 1)
			p := start(t, socketio.Options{Recovery: recovery}, func(io *socketio.Server) {
				echo(io)
				io.OnAnyOutgoing(func(s *socketio.Socket, event string, args socketio.Args) {
					seen <- fmt.Sprintf("all %v %s %s %d", s.Connected(), event, args.JSON(), len(args.Attachments()))
				})
				io.PrependAnyOutgoing(func(_ *socketio.Socket, event string, _ socketio.Args) { seen <- "first " + event })
				io.OnConnection(func(s *socketio.Socket) {
					s.OnAnyOutgoing(func(event string, args socketio.Args) { seen <- fmt.Sprintf("own %s %s", event, args.JSON()) })
					s.PrependAnyOutgoing(func(event string, _ socketio.Args) { seen <- "own first " + event })
					s.Join("room")
					sockets <- s
				})
			})
			c := p.dial("websocket")
			c.connect("", "")
			s := receive(t, sockets)
			wants := func(event, args string, attachments int) {
				t.Helper()
				for _, want := range []string{
					"first " + event, fmt.Sprintf("all true %s %s %d", event, args, attachments),
					"own first " + event, "own " + event + " " + args,
				} {
					if got := receive(t, seen); got != want {
						t.Fatalf("got %q, want %q", got, want)
					}
				}
			}
			mustDo(t, s.Emit("emit", 1, "x"))
			wants("emit", `[1,"x"]`, 0)
			mustDo(t, p.io.To("room").Emit("room", []byte{1}))
			wants("room", `[{"_placeholder":true,"num":0}]`, 1)
			_, _ = s.EmitWithAck(canceled(), "ask")
			wants("ask", `[]`, 0)
			mustDo(t, s.EmitAck(0, func(socketio.Args, error) {}, "ask", 2))
			wants("ask", `[2]`, 0)
			_, _ = p.io.EmitWithAck(canceled(), "ask all", 3)
			wants("ask all", `[3]`, 0)
			prepared, err := p.io.Prepare("prepared", 4)
			mustDo(t, err)
			mustDo(t, s.SendPrepared(prepared))
			wants("prepared", `[4]`, 0)
			mustDo(t, s.SendPreparedLatest(1, prepared))
			wants("prepared", `[4]`, 0)
			mustDo(t, p.io.To("elsewhere").Emit("not here"))
			mustDo(t, p.io.Except("room").Emit("not here"))
			c.send(`21["ask",5]`) // an acknowledgement is no event
			s.OffAnyOutgoing()
			mustDo(t, s.Emit("last"))
			for _, want := range []string{"first last", "all true last [] 0"} {
				if got := receive(t, seen); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			if len(seen) > 0 {
				t.Errorf("also told: %q", <-seen)
			}
		})
	}
}

// TestAPanicOfAnOutgoingHandler ends the client that was to be sent to, and
// neither the sender nor the others.
func TestAPanicOfAnOutgoingHandler(t *testing.T) {
	t.Parallel()
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		io.OnConnection(func(s *socketio.Socket) {
			if string(s.Auth()) == `{"bad":1}` {
				s.OnAnyOutgoing(func(string, socketio.Args) { panic("on purpose") })
			}
			_ = s.Emit("hello")
		})
	})
	good, bad := p.dial("websocket"), p.dial("websocket")
	good.connect("", "")
	good.wants(`2["hello"]`)
	bad.connect("", `{"bad":1}`)
	if got := receive(t, p.ends); got != socketio.ForcedServerClose {
		t.Errorf("it ended for %q, want %q", got, socketio.ForcedServerClose)
	}
	receive(t, p.panics)
	mustDo(t, p.io.Emit("still here"))
	good.wants(`2["still here"]`)
}
