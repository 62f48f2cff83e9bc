package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio"
)

// A complete server on plain fasthttp: a chat in which everybody gets what the
// others write.
func Example() {
	io, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	io.On("chat", func(e *socketio.Event) {
		_ = e.Socket.Broadcast().Emit("chat", e.Args) // the arguments as they came
		_ = e.Ack("delivered")
	})
	io.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		_ = io.Emit("left", s.ID(), reason)
	})

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	web := &fasthttp.Server{Handler: io.Handler, MaxIdleWorkerDuration: time.Second}
	go func() { _ = web.Serve(ln) }()

	// In a program: signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM).
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- io.Run(ctx) }()

	alice, bob := dialExample(ln.Addr()), dialExample(ln.Addr())
	alice.send(`421["chat","hello"]`) // event 1 asks for an acknowledgement
	fmt.Println("alice:", alice.read())
	fmt.Println("bob:", bob.read())

	stop()
	fmt.Println("ended:", errors.Join(<-ended, web.Shutdown()))
	// Output:
	// alice: 431["delivered"]
	// bob: 42["chat","hello"]
	// ended: <nil>
}

// exampleClient is a Socket.IO client that shows the packets of the protocol.
type exampleClient struct{ conn *websocket.Conn }

// dialExample connects to the main namespace.
func dialExample(addr net.Addr) exampleClient {
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+addr.String()+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		panic(err)
	}
	c := exampleClient{conn}
	c.read() // the handshake of Engine.IO
	c.send("40")
	c.read() // the id of the socket
	return c
}

func (c exampleClient) send(packet string) {
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		panic(err)
	}
}

func (c exampleClient) read() string {
	_, packet, err := c.conn.ReadMessage()
	if err != nil {
		panic(err)
	}
	return string(packet)
}

// serveExample serves io on a free port.
func serveExample(io *socketio.Server) (addr net.Addr, stop func()) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	web := &fasthttp.Server{Handler: io.Handler, MaxIdleWorkerDuration: time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- web.Serve(ln) }()
	go func() { ended <- io.Run(ctx) }()
	return ln.Addr(), func() {
		cancel()
		if err := errors.Join(<-ended, web.Shutdown(), <-ended); err != nil {
			panic(err)
		}
	}
}

// newExample returns the server that an example is about.
func newExample() *socketio.Server {
	io, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		panic(err)
	}
	return io
}

// A typed handler gets its argument decoded. What it returns, and arguments
// that cannot be decoded, reach OnError.
func ExampleOn() {
	type limit struct {
		Metric string  `json:"metric"`
		Max    float64 `json:"max"`
	}
	io := newExample()
	socketio.On(io, "set-limit", func(_ context.Context, e *socketio.Event, l limit) error {
		if l.Max <= 0 {
			return errors.New("max must be positive")
		}
		return e.Ack("limit of " + l.Metric + " set")
	})
	io.OnError(func(_ *socketio.Socket, err error) {
		if failed, ok := errors.AsType[*socketio.EventError](err); ok {
			_ = failed.Event.Ack(map[string]string{"error": failed.Err.Error()})
		}
	})

	addr, stop := serveExample(io)
	defer stop()
	client := dialExample(addr)
	client.send(`421["set-limit",{"metric":"temperature","max":80}]`)
	fmt.Println(client.read())
	client.send(`422["set-limit",{"metric":"temperature","max":0}]`)
	fmt.Println(client.read())
	// Output:
	// 431["limit of temperature set"]
	// 432[{"error":"max must be positive"}]
}

// Sockets join rooms, and events go to the members of rooms.
func ExampleNamespace_To() {
	io := newExample()
	io.On("subscribe", func(e *socketio.Event) {
		e.Socket.Join("machine:" + e.Args.Text(0))
		_ = e.Ack()
	})

	addr, stop := serveExample(io)
	defer stop()
	press, robot := dialExample(addr), dialExample(addr)
	press.send(`421["subscribe","press-1"]`)
	press.read()
	robot.send(`421["subscribe","robot-1"]`)
	robot.read()

	_ = io.To("machine:press-1").Emit("state", "running")
	_ = io.To("machine:press-1", "machine:robot-1").Emit("shift", "night")
	fmt.Println("press:", press.read(), press.read())
	fmt.Println("robot:", robot.read())
	// Output:
	// press: 42["state","running"] 42["shift","night"]
	// robot: 42["shift","night"]
}

// A handler can wait for an acknowledgement of its own client. Its context ends
// when the client disconnects.
func ExampleSocket_EmitWithAck() {
	io := newExample()
	io.On("start", func(e *socketio.Event) {
		answer, err := e.Socket.Timeout(time.Minute).EmitWithAck(e.Context(), "confirm", "really?")
		switch {
		case errors.Is(err, socketio.ErrTimeout):
			_ = e.Ack("not confirmed")
		case err == nil && answer.Text(0) == "yes":
			_ = e.Ack("started")
		}
	})

	addr, stop := serveExample(io)
	defer stop()
	client := dialExample(addr)
	client.send(`421["start"]`)
	fmt.Println(client.read())
	client.send(`430["yes"]`)
	fmt.Println(client.read())
	// Output:
	// 420["confirm","really?"]
	// 431["started"]
}

// A broadcast can wait for the acknowledgements of all its receivers. Those
// that came in time are returned even if others did not.
func ExampleBroadcastOperator_EmitWithAck() {
	io := newExample()
	answers, err := io.To("screens").Timeout(time.Second).EmitWithAck(context.Background(), "ping")
	fmt.Println(len(answers), err)
	// Output: 0 <nil>
}

// A middleware sees what the client sent to connect and can reject it. The
// client gets connect_error with the message and the data.
func ExampleHandlers_Use() {
	io := newExample()
	io.Of("/plant").Use(func(s *socketio.Socket) error {
		var auth struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal(s.Auth(), &auth); err != nil || auth.Token != "good" {
			return &socketio.ConnectionError{Message: "not authorized", Data: map[string]any{"retry": false}}
		}
		s.Data().Set("user", "operator")
		return nil
	})

	addr, stop := serveExample(io)
	defer stop()
	client := dialExample(addr)
	client.send(`40/plant,{"token":"bad"}`)
	fmt.Println(client.read())
	// Output: 44/plant,{"message":"not authorized","data":{"retry":false}}
}

// Several arguments are decoded in one call.
func ExampleArgs_Bind() {
	io := newExample()
	io.On("set-limit", func(e *socketio.Event) {
		var (
			machine string
			limit   float64
		)
		if err := e.Args.Bind(&machine, &limit); err != nil {
			_ = e.Ack(map[string]string{"error": err.Error()})
			return
		}
		_ = e.Ack(machine, limit)
	})
}

// A binary argument is a []byte, by itself or within other values.
func ExampleArgs_Binary() {
	io := newExample()
	io.On("picture", func(e *socketio.Event) {
		image := e.Args.Binary(0)
		_ = e.Socket.To("screens").Emit("picture", map[string]any{"from": e.Socket.ID(), "image": image})
	})
}

// A pattern stands for any number of namespaces, created as clients ask for
// them.
func ExampleServer_OfRegexp() {
	io := newExample()
	lines := io.OfRegexp(regexp.MustCompile(`^/line-\d+$`))
	lines.OnConnection(func(s *socketio.Socket) {
		_ = s.Emit("hello", s.Namespace().Name())
	})
	_ = lines.Emit("to-all-lines")
}

// An event for many sockets that share no room is encoded once.
func ExampleNamespace_Prepare() {
	io := newExample()
	frame, err := io.Prepare("telemetry", map[string]float64{"temperature": 71.5})
	if err != nil {
		return
	}
	const machine = 1 // a slow client gets only the newest event of each machine
	for _, s := range io.Sockets() {
		_ = s.SendPreparedLatest(machine, frame)
	}
}

// A socket can have handlers of its own, for events in both directions, and
// middlewares that see each event first.
func ExampleSocket_Use() {
	io := newExample()
	io.OnConnection(func(s *socketio.Socket) {
		s.Use(func(e *socketio.Event) error {
			if e.Name == "operate" && s.Data().Get("user") == nil {
				return errors.New("not signed in")
			}
			return nil
		})
		s.OnError(func(err error) { _ = s.Emit("refused", err.Error()) })
		s.OnAny(func(e *socketio.Event) { fmt.Println("in:", e.Name) })
		s.OnAnyOutgoing(func(event string, _ socketio.Args) { fmt.Println("out:", event) })
		s.Once("hello", func(e *socketio.Event) { _ = e.Ack("welcome") })
	})
}

// Handlers can follow which rooms exist and which sockets are in them.
func ExampleHandlers_OnJoinRoom() {
	io := newExample()
	io.OnCreateRoom(func(room string) { fmt.Println(room, "has its first member") })
	io.OnJoinRoom(func(room, id string) { fmt.Println(id, "joined", room) })
	io.OnDeleteRoom(func(room string) { fmt.Println(room, "is empty") })
}

// A namespace of a pattern can be removed when its last socket has left.
func ExampleServer_OnNewNamespace() {
	io, err := socketio.NewServer(socketio.Options{CleanupEmptyChildNamespaces: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	io.OnNewNamespace(func(n *socketio.Namespace) { fmt.Println("created", n.Name()) })
	lines := io.OfMatch(func(name string, auth []byte) bool {
		return len(auth) > 0 && name != "/private"
	})
	_ = lines.To("screens").Except("muted").Emit("shift", "night")
	io.Of("/plant")
	// Output: created /plant
}

// A program can look at and act on the sockets of all servers.
func ExampleNamespace_FetchSockets() {
	io := newExample()
	sockets, err := io.In("screens").FetchSockets(context.Background())
	if err != nil {
		return
	}
	for _, s := range sockets {
		_ = s.Join("night-shift")
		_ = s.Emit("shift", "night")
	}
	_ = io.To("guests").DisconnectSockets(true)
}

// Servers can send events to each other.
func ExampleNamespace_ServerSideEmitWithAck() {
	io := newExample()
	io.OnServerSideEvent("count", func(e *socketio.ServerEvent) {
		_ = e.Ack(len(io.Sockets()))
	})
	answers, err := io.ServerSideEmitWithAck(context.Background(), "count")
	fmt.Println("other servers:", len(answers), err)
	// Output: other servers: 0 <nil>
}

// A client that reconnects in time keeps its id, rooms and data, and gets the
// events that it missed.
func ExampleRecovery() {
	io, err := socketio.NewServer(socketio.Options{
		Recovery: &socketio.Recovery{MaxDisconnectionDuration: time.Minute},
	})
	if err != nil {
		return
	}
	io.OnConnection(func(s *socketio.Socket) {
		if !s.Recovered() {
			s.Join("news")
		}
	})
}
