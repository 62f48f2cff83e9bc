package socketio_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

func TestHandlersOfASocketRunInOrder(t *testing.T) {
	t.Parallel()
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("direct %v", direct), func(t *testing.T) {
			t.Parallel()
			forEachTransport(t, socketio.Options{MaxQueued: 4}, func(io *socketio.Server) {
				on := io.On
				if direct {
					on = io.OnDirect
				}
				var inside atomic.Int32
				on("e", func(e *socketio.Event) {
					if inside.Add(1) != 1 {
						t.Error("two handlers of a socket run at the same time")
					}
					runtime.Gosched()
					_ = e.Socket.Emit("e", e.Args)
					inside.Add(-1)
				})
				io.On("slow", func(e *socketio.Event) { _ = e.Socket.Emit("slow", e.Args) })
			}, func(_ *testing.T, _ *testServer, dial func() *testClient) {
				c := dial()
				c.connect("", "")
				for i := range 200 {
					name := "e"
					if i%7 == 0 {
						name = "slow"
					}
					c.send(fmt.Sprintf(`2[%q,%d]`, name, i))
				}
				for i := range 200 {
					name := "e"
					if i%7 == 0 {
						name = "slow"
					}
					c.expect(fmt.Sprintf(`2[%q,%d]`, name, i))
				}
			})
		})
	}
}

func TestBlockedHandlerDelaysOnlyItsSocket(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{MaxQueued: 3}, func(io *socketio.Server) {
		registerEcho(io)
		registerEcho(io.Of("/other"))
		gate := make(chan struct{})
		io.On("block", func(_ *socketio.Event) { <-gate })
		io.Of("/other").On("unblock", func(*socketio.Event) { close(gate) })
	}, func(_ *testing.T, _ *testServer, dial func() *testClient) {
		c, other := dial(), dial()
		c.connect("", "")
		c.connect("/other", "")
		other.connect("/other", "")
		c.send(`2["block"]`, `2["message",1]`)
		c.send(`2/other,["message",2]`)
		c.expect(`2/other,["message-back",2]`) // another socket of the same client
		other.send(`2/other,["message",3]`, `2/other,["unblock"]`)
		other.expect(`2/other,["message-back",3]`)
		c.expect(`2["message-back",1]`)
	})
}

func TestFullQueuePausesReceiving(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	var begun atomic.Int32
	ts := startServer(t, socketio.Options{MaxQueued: 10}, func(io *socketio.Server) {
		io.On("e", func(e *socketio.Event) {
			begun.Add(1)
			<-gate
			_ = e.Socket.Emit("e", e.Args)
		})
	})
	c := ts.dial("websocket")
	c.connect("", "")
	s := ts.io.Sockets()[0]
	sent := make(chan struct{})
	const n = 1000
	go func() {
		defer close(sent)
		for i := range n {
			c.sendIgnoringErrors(fmt.Sprintf(`2["e",%d]`, i))
		}
	}()
	waitUntil(t, "the receiver waits", func() bool { return begun.Load() > 0 && s.ReceivePaused() })
	if begun.Load() != 1 {
		t.Errorf("%d handlers have begun, want 1", begun.Load())
	}
	close(gate)
	receive(t, sent)
	for i := range n {
		c.expect(fmt.Sprintf(`2["e",%d]`, i))
	}
}

func TestBackpressureTimeoutClosesClient(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	ts := startServer(t, socketio.Options{MaxQueued: 2, BackpressureTimeout: 50 * time.Millisecond}, func(io *socketio.Server) {
		io.On("e", func(*socketio.Event) { <-gate })
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.sendIgnoringErrors(`2["e"]`, `2["e"]`, `2["e"]`, `2["e"]`)
	c.expectClosed()
	close(gate)
	if r := receive(t, ts.disconnects); r != socketio.ForcedServerClose {
		t.Errorf("disconnected for %q, want %q", r, socketio.ForcedServerClose)
	}
}

func TestAcknowledgementBypassesEventQueue(t *testing.T) {
	t.Parallel()
	var events atomic.Int32
	ts := startServer(t, socketio.Options{MaxQueued: 2}, func(io *socketio.Server) {
		io.On("ask", func(e *socketio.Event) {
			answer, err := e.Socket.Timeout(testTimeout).EmitWithAck(context.Background(), "q")
			_ = e.Ack(answer, err == nil)
		})
		io.On("e", func(*socketio.Event) { events.Add(1) })
		io.On("count", func(e *socketio.Event) { _ = e.Ack(int(events.Load())) })
	})
	c := ts.dial("websocket")
	c.connect("", "")
	c.send(`20["ask"]`)
	c.expect(`20["q"]`)
	for range 20 { // more events than the bound, before the answer
		c.send(`2["e"]`)
	}
	c.send(`30["a"]`, `21["count"]`)
	c.expect(`30["a",true]`, `31[20]`)

	c.send(`20["ask"]`)
	c.expect(`21["q"]`)
	for range 40 { // more than sixteen times the bound
		c.sendIgnoringErrors(`2["e"]`)
	}
	c.expectClosed()
	if r := receive(t, ts.disconnects); r != socketio.ForcedServerClose {
		t.Errorf("disconnected for %q, want %q", r, socketio.ForcedServerClose)
	}
}
