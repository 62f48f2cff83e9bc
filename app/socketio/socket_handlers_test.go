package socketio_test

import (
	"errors"
	"fmt"
	"testing"

	"smart-factory-backend/app/socketio"

	"github.com/fasthttp/websocket"
)

// TestCatchAllHandlers checks the order of the handlers of the namespace and
// of the socket, also for events that a middleware rejects.
func TestCatchAllHandlers(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 100)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
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
	c := ts.dial("websocket")
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

// TestOutgoingHandlers checks that the handlers are called for every way of
// sending an event, and not for acknowledgements.
func TestOutgoingHandlers(t *testing.T) {
	t.Parallel()
	for name, recovery := range map[string]*socketio.Recovery{"plain": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, sockets := make(chan string, 100), make(chan *socketio.Socket, 1)
			ts := startServer(t, socketio.Options{Recovery: recovery}, func(io *socketio.Server) {
				registerEcho(io)
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
			c := ts.dial("websocket")
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
			must(t, s.Emit("emit", 1, "x"))
			wants("emit", `[1,"x"]`, 0)
			must(t, ts.io.To("room").Emit("room", []byte{1}))
			wants("room", `[{"_placeholder":true,"num":0}]`, 1)
			_, _ = s.EmitWithAck(canceled(), "ask")
			wants("ask", `[]`, 0)
			must(t, s.EmitAck(0, func(socketio.Args, error) {}, "ask", 2))
			wants("ask", `[2]`, 0)
			_, _ = ts.io.EmitWithAck(canceled(), "ask all", 3)
			wants("ask all", `[3]`, 0)
			prepared, err := ts.io.Prepare("prepared", 4)
			must(t, err)
			must(t, s.SendPrepared(prepared))
			wants("prepared", `[4]`, 0)
			must(t, s.SendPreparedLatest(1, prepared))
			wants("prepared", `[4]`, 0)
			must(t, ts.io.To("elsewhere").Emit("not here"))
			must(t, ts.io.Except("room").Emit("not here"))
			c.send(`21["ask",5]`) // an acknowledgement is no event
			s.OffAnyOutgoing()
			must(t, s.Emit("last"))
			for _, want := range []string{"first last", "all true last [] 0"} {
				if got := receive(t, seen); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			if len(seen) > 0 {
				t.Errorf("unexpected call: %q", <-seen)
			}
		})
	}
}

func TestSocketHandlers(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 100)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		say := func(text string) socketio.Handler {
			return func(e *socketio.Event) { seen <- text + " " + e.Name + " " + string(e.Args.JSON()) }
		}
		io.OnAny(say("any"))
		io.On("e", say("first"))
		io.On("e", say("second"))
		io.OnDisconnecting(func(s *socketio.Socket, r socketio.Reason) {
			seen <- fmt.Sprintf("disconnecting %s %v %v", r, len(s.Rooms()), s.Connected())
		})
		io.OnConnection(func(s *socketio.Socket) {
			s.OnAny(say("own any"))
			s.On("e", say("own"))
			s.Once("e", say("once"))
			s.On("off", say("off"))
			s.Off("off")
			s.Off("nothing")
			s.Join("room")
			s.OnDisconnecting(func(r socketio.Reason) { seen <- fmt.Sprintf("own disconnecting %s %d", r, len(s.Rooms())) })
			s.OnDisconnect(func(r socketio.Reason) { seen <- fmt.Sprintf("own disconnect %s %d", r, len(s.Rooms())) })
		})
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.send(`2["e",1]`, `2["e"]`, `2["off"]`, `1`)
	for _, want := range []string{
		"any e [1]", "own any e [1]", "first e [1]", "second e [1]", "own e [1]", "once e [1]",
		"any e []", "own any e []", "first e []", "second e []", "own e []",
		"any off []", "own any off []",
		"disconnecting client namespace disconnect 2 false", "own disconnecting client namespace disconnect 2",
		"own disconnect client namespace disconnect 0",
	} {
		if got := receive(t, seen); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// TestUpgradeHandlers checks that the handlers are called for each socket of
// the client, in order with its events.
func TestUpgradeHandlers(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		registerEcho(io)
		io.OnUpgrade(func(s *socketio.Socket) { seen <- s.Conn().Transport() })
	})
	c := ts.dial("polling")
	c.connect("", "")
	c.send(`21["ask"]`)
	c.expect(`31[]`)
	sid := ts.io.Sockets()[0].Conn().ID()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.NetConn().Close() })
	for _, packet := range []string{"2probe", "5"} {
		must(t, conn.WriteMessage(websocket.TextMessage, []byte(packet)))
	}
	if got := receive(t, seen); got != "websocket" {
		t.Errorf("OnUpgrade was called on %s", got)
	}
}

func TestEventMiddlewares(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		registerEcho(io)
		io.OnDirect("direct", func(e *socketio.Event) { _ = e.Ack("handled") })
		io.UseEvents(func(e *socketio.Event) error {
			if e.Args.Text(0) == "secret" {
				_ = e.Ack("forbidden")
				return errors.New("forbidden")
			}
			return nil
		})
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.send(`21["ask","secret"]`, `22["ask","x"]`, `2["message","secret"]`, `23["direct","secret"]`, `24["direct"]`)
	c.expect(`31["forbidden"]`, `32["x"]`, `33["forbidden"]`, `34["handled"]`)
}
