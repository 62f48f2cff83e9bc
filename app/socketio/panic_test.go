package socketio_test

import (
	"fmt"
	"runtime"
	"testing"

	"smart-factory-backend/app/socketio"
)

func TestDisconnectHandlersRunAfterPanic(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		io.On("e", func(e *socketio.Event) {
			e.Socket.Disconnect(false)
			panic("on purpose")
		})
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.send(`2["e"]`)
	c.expect(`1`, "close 1011")
	if r := receive(t, ts.disconnects); r != socketio.ServerDisconnect {
		t.Errorf("disconnected for %q, want %q", r, socketio.ServerDisconnect)
	}
}

func TestHandlerPanicClosesOnlyItsClient(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"event", "direct", "connection", "middleware", "disconnect", "answer"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			forEachTransport(t, socketio.Options{}, func(io *socketio.Server) {
				registerEcho(io)
				bad := io.Of("/bad")
				fault := func(is string) {
					if is == where {
						panic("the handler's fault: " + where)
					}
				}
				bad.Use(func(*socketio.Socket) error { fault("middleware"); return nil })
				bad.OnConnection(func(*socketio.Socket) { fault("connection") })
				bad.OnDisconnect(func(*socketio.Socket, socketio.Reason) { fault("disconnect") })
				bad.On("event", func(e *socketio.Event) {
					fault("event")
					_ = e.Socket.EmitAck(0, func(socketio.Args, error) { fault("answer") }, "q")
					e.Socket.Disconnect(false)
				})
				bad.OnDirect("direct", func(*socketio.Event) { fault("direct") })
			}, func(t *testing.T, ts *testServer, dial func() *testClient) {
				c, other := dial(), dial()
				other.connect("", "")
				c.connect("", "")
				c.sendIgnoringErrors(`0/bad,`)
				waitUntil(t, "the client is in, or out", func() bool { return len(ts.panics) > 0 || len(ts.io.Of("/bad").Sockets()) > 0 })
				if where != "middleware" && where != "connection" {
					c.sendIgnoringErrors(`2/bad,["direct"]`, `2/bad,["event"]`)
				}
				if got := fmt.Sprint(receive(t, ts.panics)); got != "the handler's fault: "+where {
					t.Errorf("reported %s", got)
				}
				if r := receive(t, ts.disconnects); r != socketio.ForcedServerClose && r != socketio.TransportError {
					t.Errorf("the client's other socket ended for %q", r)
				}
				receive(t, c.closed)
				other.send(`2["message"]`)
				other.expect(`2["message-back"]`)
			})
		})
	}
}

func TestHandlerPanicClosesWebSocketWith1011(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		io.On("panic", func(*socketio.Event) { panic("on purpose") })
		io.On("goexit", func(*socketio.Event) { runtime.Goexit() })
		io.OnDirect("direct", func(*socketio.Event) { panic("on purpose") })
	})
	for _, event := range []string{"panic", "goexit", "direct"} {
		c := ts.dial("websocket")
		c.connect("", "")
		c.send(`2["` + event + `"]`)
		c.expect("close 1011")
		receive(t, ts.disconnects)
	}
}

// TestOutgoingHandlerPanicClosesReceiver checks that neither the sender nor
// other receivers are affected.
func TestOutgoingHandlerPanicClosesReceiver(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		io.OnConnection(func(s *socketio.Socket) {
			if string(s.Auth()) == `{"bad":1}` {
				s.OnAnyOutgoing(func(string, socketio.Args) { panic("on purpose") })
			}
			_ = s.Emit("hello")
		})
	})
	good, bad := ts.dial("websocket"), ts.dial("websocket")
	good.connect("", "")
	good.expect(`2["hello"]`)
	bad.connect("", `{"bad":1}`)
	if got := receive(t, ts.disconnects); got != socketio.ForcedServerClose {
		t.Errorf("it ended for %q, want %q", got, socketio.ForcedServerClose)
	}
	receive(t, ts.panics)
	must(t, ts.io.Emit("still here"))
	good.expect(`2["still here"]`)
}
