package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/socketio/standalone"
)

// A complete server: a chat in which everybody hears everybody.
func Example() {
	loop, err := standalone.Loop()
	if err != nil {
		fmt.Println(err)
		return
	}
	io := socketio.New(socketio.Options{
		Engine: engineio.Options{Loop: loop, Detach: standalone.Detach, Await: standalone.Await},
	})
	io.OnConnection(func(s *socketio.Socket) {
		_ = s.Broadcast().Emit("joined", s.ID())
	})
	io.On("chat", func(e *socketio.Event) {
		_ = e.Socket.Broadcast().Emit("chat", e.Args) // as it came
		_ = e.Ack("delivered")
	})
	io.OnDisconnect(func(s *socketio.Socket, reason socketio.Reason) {
		_ = io.Emit("left", s.ID(), reason)
	})

	// In a program: signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM).
	ctx, stop := context.WithCancel(context.Background())
	err = standalone.Run(ctx, loop, standalone.Options{
		Host: "127.0.0.1",
		Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/socket.io/" {
				io.Handler(ctx)
				return
			}
			ctx.NotFound()
		},
		Ready: func(string) {
			fmt.Println("ready")
			stop()
		},
		Close: func(ctx context.Context) error { return io.Close(ctx, time.Second) },
	})
	fmt.Println("ended:", err)
	// Output:
	// ready
	// ended: <nil>
}

// server is the one that the examples below are about.
var server = socketio.New(socketio.Options{})

// A middleware sees what the client sent to connect, and may refuse it. The
// client gets connect_error with the message and the data.
func ExampleHandlers_Use() {
	server.Of("/plant").Use(func(s *socketio.Socket) error {
		var auth struct {
			Token string `json:"token"`
		}
		if err := json.Unmarshal(s.Auth(), &auth); err != nil || auth.Token == "" {
			return errors.New("no token")
		}
		if auth.Token != "good" {
			return &socketio.ConnectionError{Message: "not authorized", Data: map[string]any{"retry": false}}
		}
		s.Data().Set("user", "operator")
		return nil
	})
}

// Arguments are decoded by the handler, into what it expects.
func ExampleArgs_Bind() {
	server.On("set-limit", func(e *socketio.Event) {
		var (
			machine string
			limit   struct {
				Metric string  `json:"metric"`
				Max    float64 `json:"max"`
			}
		)
		if err := e.Args.Bind(&machine, &limit); err != nil {
			_ = e.Ack(map[string]string{"error": err.Error()})
			return
		}
		_ = e.Ack(map[string]any{"ok": true})
	})
}

// Binary arguments are []byte, on the way in and on the way out, alone or in
// the middle of others.
func ExampleArgs_Binary() {
	server.On("picture", func(e *socketio.Event) {
		image := e.Args.Binary(0)
		_ = e.Socket.To("screens").Emit("picture", map[string]any{"from": e.Socket.ID(), "image": image})
	})
}

// Rooms are joined by the server; events go to their members, wherever they
// are connected.
func ExampleNamespace_To() {
	server.On("subscribe", func(e *socketio.Event) {
		e.Socket.Join("machine:" + e.Args.Text(0))
		_ = e.Ack()
	})
	_ = server.To("machine:press-1", "line:a").Except("muted").Emit("state", "running")
	_ = server.Local().Volatile().Emit("load", 0.7) // here only, and only if it can leave at once
}

// A handler may wait for its client. Acknowledgements arrive all the same.
func ExampleSocket_EmitWithAck() {
	server.On("start", func(e *socketio.Event) {
		answer, err := e.Socket.Timeout(10*time.Second).EmitWithAck(context.Background(), "confirm", "really?")
		switch {
		case errors.Is(err, socketio.ErrTimeout):
			_ = e.Ack("nobody confirmed")
		case err == nil && answer.Text(0) == "yes":
			_ = e.Ack("started")
		}
	})
}

// A broadcast may wait for everybody. What came in time is returned also if
// not everything did.
func ExampleBroadcastOperator_EmitWithAck() {
	answers, err := server.To("screens").Timeout(time.Second).EmitWithAck(context.Background(), "ping")
	fmt.Println(len(answers), err)
	// Output: 0 <nil>
}

// A pattern stands for any number of namespaces, made as clients ask for them.
func ExampleServer_OfRegexp() {
	lines := server.OfRegexp(regexp.MustCompile(`^/line-\d+$`))
	lines.OnConnection(func(s *socketio.Socket) {
		_ = s.Emit("hello", s.Namespace().Name())
	})
	_ = lines.Emit("to-all-lines")
}

// An event that goes to many sockets, but not to a room, is encoded once.
func ExampleNamespace_Prepare() {
	frame, err := server.Prepare("telemetry", map[string]float64{"temperature": 71.5})
	if err != nil {
		return
	}
	const machine = 1 // who is slow gets the newest frame of each machine only
	for _, s := range server.Sockets() {
		_ = s.SendPreparedLatest(machine, frame)
	}
}

// A socket may have handlers of its own: for what comes in, for what goes out,
// and a middleware that looks at each event first.
func ExampleSocket_Use() {
	server.OnConnection(func(s *socketio.Socket) {
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

// What happens to the rooms of a server can be followed.
func ExampleHandlers_OnJoinRoom() {
	server.OnCreateRoom(func(room string) { fmt.Println("somebody looks at", room) })
	server.OnJoinRoom(func(room, id string) { fmt.Println(id, "looks at", room) })
	server.OnDeleteRoom(func(room string) { fmt.Println("nobody looks at", room) })
}

// A namespace of a pattern can go when nobody is in it any more.
func ExampleServer_OnNewNamespace() {
	io := socketio.New(socketio.Options{CleanupEmptyChildNamespaces: true})
	io.OnNewNamespace(func(n *socketio.Namespace) { fmt.Println("made", n.Name()) })
	lines := io.OfMatch(func(name string, auth []byte) bool {
		return len(auth) > 0 && name != "/private"
	})
	_ = lines.To("screens").Except("muted").Emit("shift", "night")
	io.Of("/plant")
	// Output: made /plant
}

// Sockets of all servers can be looked at and acted on.
func ExampleNamespace_FetchSockets() {
	sockets, err := server.In("screens").FetchSockets(context.Background())
	if err != nil {
		return
	}
	for _, s := range sockets {
		_ = s.Join("night-shift")
		_ = s.Emit("shift", "night")
	}
	_ = server.To("guests").DisconnectSockets(true)
}

// Servers speak to each other, too.
func ExampleNamespace_ServerSideEmitWithAck() {
	server.OnServerSideEvent("count", func(e *socketio.ServerEvent) {
		_ = e.Ack(len(server.Sockets()))
	})
	answers, err := server.ServerSideEmitWithAck(context.Background(), "count")
	fmt.Println("other servers:", len(answers), err)
	// Output: other servers: 0 <nil>
}

// A client that comes back within the time keeps its id, rooms and data, and
// gets what it missed.
func ExampleRecovery() {
	io := socketio.New(socketio.Options{
		Recovery: &socketio.Recovery{MaxDisconnectionDuration: time.Minute},
	})
	io.OnConnection(func(s *socketio.Socket) {
		if !s.Recovered() {
			s.Join("news")
		}
	})
}
