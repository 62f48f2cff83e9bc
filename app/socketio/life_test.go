package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio"
)

func TestHandlersOfASocketRunInOrder(t *testing.T) {
	t.Parallel()
	for _, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("direct %v", direct), func(t *testing.T) {
			t.Parallel()
			onEach(t, socketio.Options{MaxQueued: 4}, func(io *socketio.Server) {
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
			}, func(_ *testing.T, _ *plant, dial func() *peer) {
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
					c.wants(fmt.Sprintf(`2[%q,%d]`, name, i))
				}
			})
		})
	}
}

func TestABlockedHandlerHoldsUpItsSocketOnly(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{MaxQueued: 3}, func(io *socketio.Server) {
		echo(io)
		echo(io.Of("/other"))
		gate := make(chan struct{})
		io.On("block", func(_ *socketio.Event) { <-gate })
		io.Of("/other").On("unblock", func(*socketio.Event) { close(gate) })
	}, func(_ *testing.T, _ *plant, dial func() *peer) {
		c, other := dial(), dial()
		c.connect("", "")
		c.connect("/other", "")
		other.connect("/other", "")
		c.send(`2["block"]`, `2["message",1]`)
		c.send(`2/other,["message",2]`)
		c.wants(`2/other,["message-back",2]`) // the same client's other socket
		other.send(`2/other,["message",3]`, `2/other,["unblock"]`)
		other.wants(`2/other,["message-back",3]`)
		c.wants(`2["message-back",1]`)
	})
}

func TestWhoFloodsIsHeldBack(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	var begun atomic.Int32
	p := start(t, socketio.Options{MaxQueued: 10}, func(io *socketio.Server) {
		io.On("e", func(e *socketio.Event) {
			begun.Add(1)
			<-gate
			_ = e.Socket.Emit("e", e.Args)
		})
	})
	c := p.dial("websocket")
	c.connect("", "")
	s := p.io.Sockets()[0]
	sent := make(chan struct{})
	const n = 1000
	go func() {
		defer close(sent)
		for i := range n {
			c.try(fmt.Sprintf(`2["e",%d]`, i))
		}
	}()
	until(t, "the receiver waits", func() bool { return begun.Load() > 0 && s.HeldBack() })
	if begun.Load() != 1 {
		t.Errorf("%d handlers have begun, want 1", begun.Load())
	}
	close(gate)
	receive(t, sent)
	for i := range n {
		c.wants(fmt.Sprintf(`2["e",%d]`, i))
	}
}

func TestWhoIsHeldBackForTooLongIsClosed(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	p := start(t, socketio.Options{MaxQueued: 2, HoldTimeout: 50 * time.Millisecond}, func(io *socketio.Server) {
		io.On("e", func(*socketio.Event) { <-gate })
	})
	c := p.dial("websocket")
	c.connect("", "")
	c.try(`2["e"]`, `2["e"]`, `2["e"]`, `2["e"]`)
	c.wantsEnd()
	close(gate)
	if r := receive(t, p.ends); r != socketio.ForcedServerClose {
		t.Errorf("disconnected for %q, want %q", r, socketio.ForcedServerClose)
	}
}

func TestThePanicOfADisconnectedSocketLeavesItsEnd(t *testing.T) {
	t.Parallel()
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		io.On("e", func(e *socketio.Event) {
			e.Socket.Disconnect(false)
			panic("on purpose")
		})
	})
	c := p.dial("websocket")
	c.connect("", "")
	c.send(`2["e"]`)
	c.wants(`1`, "close 1011")
	if r := receive(t, p.ends); r != socketio.ServerDisconnect {
		t.Errorf("disconnected for %q, want %q", r, socketio.ServerDisconnect)
	}
}

func TestAnAcknowledgementPassesTheQueue(t *testing.T) {
	t.Parallel()
	var events atomic.Int32
	p := start(t, socketio.Options{MaxQueued: 2}, func(io *socketio.Server) {
		io.On("ask", func(e *socketio.Event) {
			answer, err := e.Socket.Timeout(patience).EmitWithAck(context.Background(), "q")
			_ = e.Ack(answer, err == nil)
		})
		io.On("e", func(*socketio.Event) { events.Add(1) })
		io.On("count", func(e *socketio.Event) { _ = e.Ack(int(events.Load())) })
	})
	c := p.dial("websocket")
	c.connect("", "")
	c.send(`20["ask"]`)
	c.wants(`20["q"]`)
	for range 20 { // more than may wait, in front of the answer
		c.send(`2["e"]`)
	}
	c.send(`30["a"]`, `21["count"]`)
	c.wants(`30["a",true]`, `31[20]`)

	c.send(`20["ask"]`)
	c.wants(`21["q"]`)
	for range 40 { // sixteen times as much is too much
		c.try(`2["e"]`)
	}
	c.wantsEnd()
	if r := receive(t, p.ends); r != socketio.ForcedServerClose {
		t.Errorf("disconnected for %q, want %q", r, socketio.ForcedServerClose)
	}
}

func TestAPanicEndsItsClientOnly(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"event", "direct", "connection", "middleware", "disconnect", "answer"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			onEach(t, socketio.Options{}, func(io *socketio.Server) {
				echo(io)
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
			}, func(t *testing.T, p *plant, dial func() *peer) {
				c, other := dial(), dial()
				other.connect("", "")
				c.connect("", "")
				c.try(`0/bad,`)
				until(t, "the client is in, or out", func() bool { return len(p.panics) > 0 || len(p.io.Of("/bad").Sockets()) > 0 })
				if where != "middleware" && where != "connection" {
					c.try(`2/bad,["direct"]`, `2/bad,["event"]`)
				}
				if got := fmt.Sprint(receive(t, p.panics)); got != "the handler's fault: "+where {
					t.Errorf("reported %s", got)
				}
				if r := receive(t, p.ends); r != socketio.ForcedServerClose && r != socketio.TransportError {
					t.Errorf("the client's other socket ended for %q", r)
				}
				receive(t, c.over)
				other.send(`2["message"]`)
				other.wants(`2["message-back"]`)
			})
		})
	}
}

func TestAPanicIsClosedWith1011(t *testing.T) {
	t.Parallel()
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		io.On("panic", func(*socketio.Event) { panic("on purpose") })
		io.On("goexit", func(*socketio.Event) { runtime.Goexit() })
		io.OnDirect("direct", func(*socketio.Event) { panic("on purpose") })
	})
	for _, event := range []string{"panic", "goexit", "direct"} {
		c := p.dial("websocket")
		c.connect("", "")
		c.send(`2["` + event + `"]`)
		c.wants("close 1011")
		receive(t, p.ends)
	}
}

func TestOwnHandlersOfASocket(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 100)
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
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
	c := p.dial("websocket")
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

// TestUpgradesAreTold: to each socket of the client, in order with its events.
func TestUpgradesAreTold(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		echo(io)
		io.OnUpgrade(func(s *socketio.Socket) { seen <- s.Conn().Transport() })
	})
	c := p.dial("polling")
	c.connect("", "")
	c.send(`21["ask"]`)
	c.wants(`31[]`)
	sid := p.io.Sockets()[0].Conn().ID()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/socket.io/?EIO=4&transport=websocket&sid="+sid, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.NetConn().Close() })
	for _, packet := range []string{"2probe", "5"} {
		mustDo(t, conn.WriteMessage(websocket.TextMessage, []byte(packet)))
	}
	if got := receive(t, seen); got != "websocket" {
		t.Errorf("told while on %s", got)
	}
}

func TestEventsPassMiddlewares(t *testing.T) {
	t.Parallel()
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		echo(io)
		io.OnDirect("direct", func(e *socketio.Event) { _ = e.Ack("handled") })
		io.UseEvents(func(e *socketio.Event) error {
			if e.Args.Text(0) == "secret" {
				_ = e.Ack("forbidden")
				return errors.New("forbidden")
			}
			return nil
		})
	})
	c := p.dial("websocket")
	c.connect("", "")
	c.send(`21["ask","secret"]`, `22["ask","x"]`, `2["message","secret"]`, `23["direct","secret"]`, `24["direct"]`)
	c.wants(`31["forbidden"]`, `32["x"]`, `33["forbidden"]`, `34["handled"]`)
}

func TestDisconnectedByTheServer(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, func(io *socketio.Server) {
		for _, n := range []*socketio.Namespace{io.Namespace, io.Of("/other")} {
			echo(n)
			n.On("kick", func(e *socketio.Event) {
				e.Socket.Disconnect(e.Args.Text(0) == "all")
				if err := e.Socket.Emit("x"); !errors.Is(err, socketio.ErrDisconnected) {
					t.Errorf("Emit afterwards: %v, want ErrDisconnected", err)
				}
				if err := e.Ack(); !errors.Is(err, socketio.ErrDisconnected) {
					t.Errorf("Ack afterwards: %v, want ErrDisconnected", err)
				}
				e.Socket.Join("x")
				e.Socket.Disconnect(true)
			})
		}
		io.On("drop", func(e *socketio.Event) { e.Socket.Conn().Close(socketio.ForcedClose) })
	}, func(t *testing.T, p *plant, dial func() *peer) {
		c := dial()
		c.connect("", "")
		c.connect("/other", "")
		c.send(`2/other,7["kick"]`)
		c.wants(`1/other,`)
		c.send(`2["message"]`)
		c.wants(`2["message-back"]`)
		c.connect("/other", "")
		c.try(`28["kick","all"]`)
		got := []string{c.read(), c.read()}
		slices.Sort(got)
		if !slices.Equal(got, []string{`1`, `1/other,`}) {
			t.Errorf("got %q, want both namespaces' end", got)
		}
		c.wantsEnd()
		if r := receive(t, p.ends); r != socketio.ServerDisconnect {
			t.Errorf("disconnected for %q, want %q", r, socketio.ServerDisconnect)
		}
		if p.io.Adapter().HasRoom("x") {
			t.Error("a socket that is disconnected has joined a room")
		}
		c = dial()
		c.connect("", "")
		c.try(`2["drop"]`)
		c.wantsEnd()
		if r := receive(t, p.ends); r != socketio.ForcedClose {
			t.Errorf("disconnected for %q, want %q", r, socketio.ForcedClose)
		}
	})
}

func TestVolatile(t *testing.T) {
	t.Parallel()
	p := start(t, socketio.Options{}, nil)
	c := p.dial("websocket")
	c.connect("", "")
	s := p.io.Sockets()[0]
	idle := func() { until(t, "nothing waits", s.Conn().Writable) }
	idle()
	mustDo(t, s.Volatile().Emit("v", 1))
	c.wants(`2["v",1]`)
	idle()
	mustDo(t, p.io.Volatile().Emit("v", 2))
	c.wants(`2["v",2]`)
	idle()
	if _, err := s.Volatile().Timeout(patience).Compress(true).EmitWithAck(canceled(), "q"); !errors.Is(err, context.Canceled) {
		t.Errorf("EmitWithAck() = %v, want context.Canceled", err)
	}
	c.wants(`20["q"]`)

	// A polling client without a poll can't take anything at once.
	query := "/socket.io/?EIO=4&transport=polling"
	var opened struct{ Sid string }
	mustDo(t, json.Unmarshal([]byte(p.ask(http.MethodGet, query, "")[1:]), &opened))
	query += "&sid=" + opened.Sid
	p.ask(http.MethodPost, query, "40")
	p.ask(http.MethodGet, query, "") // connected; nobody polls from here on
	other := p.io.Sockets()[slices.IndexFunc(p.io.Sockets(), func(o *socketio.Socket) bool { return o != s })]
	if err := other.Volatile().Emit("v", 3); !errors.Is(err, socketio.ErrDropped) {
		t.Errorf("Emit to a client without a poll = %v, want ErrDropped", err)
	}
	idle()
	mustDo(t, p.io.Volatile().Emit("v", 4))
	c.wants(`2["v",4]`)
}

// ask makes one HTTP request, by hand, and returns the answer's body.
func (p *plant) ask(method, target, body string) string {
	p.t.Helper()
	req, err := http.NewRequest(method, "http://"+p.addr+target, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %d %s, %v", method, target, resp.StatusCode, b, err)
	}
	return string(b)
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestHandshakeAndData(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, nil, func(t *testing.T, p *plant, dial func() *peer) {
		c := dial()
		w := c.connect("", `{"token":"x"}`)
		s := p.io.Sockets()[0]
		h := s.Handshake()
		if h.Address != "127.0.0.1" || !h.CrossDomain || h.Secure || h.Query.Get("x") != "1" || h.Query.Get("EIO") != "4" ||
			string(h.Auth) != `{"token":"x"}` || !reflect.DeepEqual(h.Headers["origin"], []string{"http://page"}) || time.Since(h.Time) > patience {
			t.Errorf("Handshake() = %+v", h)
		}
		if got, want := s.Conn().Transport(), h.Query.Get("transport"); got != want {
			t.Errorf("Transport() = %q, want %q", got, want)
		}
		s.Data().Set("k", 1)
		s.Data().Set("k", "v")
		if s.Data().Get("k") != "v" || s.Data().Get("none") != nil {
			t.Errorf("Data() = %v", s.Data().Values())
		}
		found, err := p.io.FetchSockets(t.Context())
		mustDo(t, err)
		var form struct {
			Headers map[string]string `json:"headers"`
			Time    string            `json:"time"`
			Issued  int64             `json:"issued"`
			XDomain bool              `json:"xdomain"`
			Query   map[string]string `json:"query"`
			Auth    map[string]string `json:"auth"`
		}
		mustDo(t, unmarshal(found[0].Handshake, &form))
		if form.Headers["origin"] != "http://page" || form.Issued != h.Time.UnixMilli() || !form.XDomain || form.Query["x"] != "1" || form.Auth["token"] != "x" {
			t.Errorf("the handshake as JSON is %s", found[0].Handshake)
		}
		if at, err := time.Parse("Mon Jan 02 2006 15:04:05 GMT-0700", form.Time[:len("Tue Nov 24 2026 01:55:44 GMT+0000")]); err != nil || at.Unix() != h.Time.Unix() {
			t.Errorf("the time as JSON is %q", form.Time)
		}
		if found[0].ID != w.SID || string(found[0].Data) != `{"k":"v"}` {
			t.Errorf("found %+v", found[0])
		}
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, echoServer, func(t *testing.T, p *plant, dial func() *peer) {
		c := dial()
		c.connect("", "")
		s := p.io.Sockets()[0]
		asked := make(chan error, 1)
		go func() { asked <- second(p.io.Timeout(time.Hour).EmitWithAck(context.Background(), "q")) }()
		c.wants(`20["q"]`)
		mustDo(t, p.io.Close(t.Context(), 10*time.Millisecond))
		if err := receive(t, asked); !errors.Is(err, socketio.ErrClosed) {
			t.Errorf("EmitWithAck ended with %v, want ErrClosed", err)
		}
		if r := receive(t, p.ends); r != socketio.ServerShuttingDown {
			t.Errorf("disconnected for %q, want %q", r, socketio.ServerShuttingDown)
		}
		c.wantsEnd()
		for what, err := range map[string]error{
			"Emit of the server":  p.io.Emit("e"),
			"Emit of a namespace": p.io.Of("/new").Emit("e"),
			"SocketsJoin":         p.io.SocketsJoin("r"),
			"SocketsLeave":        p.io.SocketsLeave("r"),
			"EmitWithAck":         second(p.io.EmitWithAck(context.Background(), "e")),
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
		mustDo(t, p.io.Close(t.Context(), 0))
	})
}

func second[T any](_ T, err error) error { return err }

func echoServer(io *socketio.Server) { echo(io) }

func TestCloseDoesNotWaitForWhoIsStuck(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	p := start(t, socketio.Options{MaxQueued: 1}, func(io *socketio.Server) {
		io.On("block", func(*socketio.Event) { <-gate })
	})
	c := p.dial("websocket")
	c.connect("", "")
	for range 5 {
		c.send(`2["block"]`)
	}
	until(t, "the receiver waits", p.io.Sockets()[0].HeldBack)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.io.Close(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close() = %v, want the deadline", err)
	}
	close(gate)
}
