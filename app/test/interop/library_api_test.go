//go:build integration

package interop_test

import (
	"context"
	"errors"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"

	"github.com/valyala/fasthttp"
)

// The JavaScript clients check the parts of the library that the example server does not
// use, on a plain fasthttp.Server.
func TestIntegrationLibraryAPI(t *testing.T) {
	t.Parallel()
	io, err := socketio.NewServer(socketio.Options{
		// A client on a busy machine must not be disconnected for a late pong.
		Engine:                      engineio.Options{Deflate: true, PingTimeout: time.Hour},
		CleanupEmptyChildNamespaces: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	registerHandlers(io)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &fasthttp.Server{Handler: io.Handler}
	ctx, stop := context.WithCancel(context.Background())
	served, ended := make(chan error, 1), make(chan error, 1)
	go func() { served <- web.Serve(ln) }()
	go func() { ended <- io.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, web.Shutdown(), <-served); err != nil {
			t.Errorf("Run, Serve or Shutdown: %v", err)
		}
	})
	runScript(t, 2*waitTimeout, "library-api.js", "http://"+ln.Addr().String())
}

// eventLog records what happened to each subject, in order.
type eventLog struct {
	mu      sync.Mutex
	entries map[string][]string
}

func (j *eventLog) add(subject, event string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.entries == nil {
		j.entries = map[string][]string{}
	}
	j.entries[subject] = append(j.entries[subject], event)
}

func (j *eventLog) entriesOf(subject string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string{}, j.entries[subject]...)
}

// registerHandlers registers what js/library-api.js calls.
func registerHandlers(io *socketio.Server) {
	var events eventLog
	io.OnCreateRoom(func(room string) { events.add(room, "create") })
	io.OnJoinRoom(func(room, id string) { events.add(room, "join "+id) })
	io.OnLeaveRoom(func(room, id string) { events.add(room, "leave "+id) })
	io.OnDeleteRoom(func(room string) { events.add(room, "delete") })
	io.OnDisconnect(func(s *socketio.Socket, r socketio.Reason) { events.add("end of "+s.ID(), string(r)) })
	io.OnUpgrade(func(s *socketio.Socket) { _ = s.Emit("upgraded", s.Conn().Transport()) })
	io.OnAny(func(e *socketio.Event) { events.add("in "+e.Socket.ID(), e.Name) })
	io.PrependAny(func(e *socketio.Event) { events.add("in "+e.Socket.ID(), "first") })
	io.OnConnection(func(s *socketio.Socket) {
		s.OnAnyOutgoing(func(event string, args socketio.Args) { events.add("out "+s.ID(), event+string(args.JSON())) })
		s.Use(func(e *socketio.Event) error {
			if e.Name == "forbidden" {
				_ = e.Ack("no")
				return errors.New("it is forbidden")
			}
			return nil
		})
		s.OnError(func(err error) { _ = s.Emit("refused", err.Error()) })
		s.Once("once", func(*socketio.Event) { _ = s.Emit("handled", 1) })
	})
	io.On("forbidden", func(e *socketio.Event) { _ = e.Socket.Emit("handled", "forbidden") })
	io.On("journal", func(e *socketio.Event) { _ = e.Ack(events.entriesOf(e.Args.Text(0))) })
	io.On("join", func(e *socketio.Event) { e.Socket.Join(e.Args.Text(0)); _ = e.Ack() })
	io.On("leave", func(e *socketio.Event) { e.Socket.Leave(e.Args.Text(0)); _ = e.Ack() })
	io.On("waits", func(e *socketio.Event) { // reports whether a poll of that socket is pending
		s := io.Socket(e.Args.Text(0))
		_ = e.Ack(s != nil && s.Conn().Writable())
	})
	io.On("big", func(e *socketio.Event) {
		var on bool
		_ = e.Args.Decode(0, &on)
		_ = e.Socket.Compress(on).Emit("big", string(make([]byte, 50_000)))
	})
	lines := io.OfRegexp(regexp.MustCompile(`^/line-[\w.-]+$`))
	lines.OnConnection(func(s *socketio.Socket) {
		s.Join("screens")
		_ = s.Emit("hello", s.Namespace().Name())
	})
	lines.On("call", func(e *socketio.Event) {
		e.Socket.Leave("screens")
		_ = lines.To("screens").Emit("called", e.Args)
		_ = e.Ack()
	})
	io.OnNewNamespace(func(n *socketio.Namespace) { events.add("namespace "+n.Name(), "made") })
	io.On("lines", func(e *socketio.Event) {
		names := []string{}
		for _, n := range lines.Children() {
			names = append(names, n.Name())
		}
		_ = e.Ack(names)
	})
}
