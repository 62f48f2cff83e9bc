package socketio_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"smart-factory-backend/app/socketio"
)

// TestChildNamespaceLifecycle checks that OnNewNamespace is called for every
// namespace, and that an empty child namespace is removed only if the option
// says so.
func TestChildNamespaceLifecycle(t *testing.T) {
	t.Parallel()
	for _, cleanup := range []bool{false, true} {
		t.Run(fmt.Sprintf("cleanup %v", cleanup), func(t *testing.T) {
			t.Parallel()
			seen := make(chan string, 10)
			closed := make(chan string, 10)
			o := socketio.Options{CleanupEmptyChildNamespaces: cleanup}
			o.Adapter = func(n *socketio.Namespace) socketio.Adapter {
				return &closeRecorder{socketio.NewMemoryAdapter(n), func() { closed <- n.Name() }}
			}
			var lines *socketio.ParentNamespace
			ts := startServer(t, o, func(io *socketio.Server) {
				io.OnNewNamespace(func(n *socketio.Namespace) { seen <- n.Name() })
				io.Of("/static")
				io.Of("static")
				lines = io.OfRegexp(regexp.MustCompile(`^/line-\d+$`))
				registerEcho(lines)
			})
			a, b := ts.dial("websocket"), ts.dial("polling")
			for range 2 {
				a.connect("/line-1", "")
				b.connect("/line-1", "")
				a.send(`1/line-1,`)
				b.send(`2/line-1,["message",1]`)
				b.expect(`2/line-1,["message-back",1]`) // the namespace still exists
				b.send(`1/line-1,`)
				want := 1
				if cleanup {
					want = 0
					if got := receive(t, closed); got != "/line-1" {
						t.Errorf("the adapter of %s was closed", got)
					}
				}
				waitUntil(t, "it is empty", func() bool { return len(lines.Children()) == want })
			}
			wanted := []string{"/static", "/line-1"}
			if cleanup {
				wanted = append(wanted, "/line-1")
			}
			for _, want := range wanted {
				if got := receive(t, seen); got != want {
					t.Errorf("announced %s, want %s", got, want)
				}
			}
			if len(seen) > 0 {
				t.Errorf("also announced: %s", <-seen)
			}
		})
	}
}

// closeRecorder is an adapter that records its Close.
type closeRecorder struct {
	*socketio.MemoryAdapter
	closed func()
}

func (c *closeRecorder) Close() error {
	c.closed()
	return c.MemoryAdapter.Close()
}

// TestParentNamespaceBroadcast checks that a broadcast of a pattern reaches
// the same rooms in all its namespaces.
func TestParentNamespaceBroadcast(t *testing.T) {
	t.Parallel()
	var lines *socketio.ParentNamespace
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		lines = io.OfRegexp(regexp.MustCompile(`^/line-\d+$`))
		lines.OnConnection(func(s *socketio.Socket) {
			var rooms []string
			if err := json.Unmarshal(s.Auth(), &struct{ Rooms *[]string }{&rooms}); err != nil {
				t.Error(err)
			}
			s.Join(rooms...)
			_ = s.Emit("joined")
		})
	})
	var clients []*testClient
	names := []string{"/line-1", "/line-2", "/line-2"}
	for i, rooms := range []string{`["a"]`, `["a","b"]`, `["b"]`} {
		c := ts.dial("websocket")
		c.connect(names[i], `{"rooms":`+rooms+`}`)
		c.expect("2" + names[i] + `,["joined"]`)
		clients = append(clients, c)
	}
	for what, tt := range map[string]struct {
		emit func(string, ...any) error
		want [3]bool
	}{
		"all":            {lines.Emit, [3]bool{true, true, true}},
		"a":              {lines.To("a").Emit, [3]bool{true, true, false}},
		"in a, or b":     {lines.In("a").In("b").Emit, [3]bool{true, true, true}},
		"a, not b":       {lines.To("a").Except("b").Emit, [3]bool{true, false, false}},
		"not b":          {lines.Except("b").Emit, [3]bool{true, false, false}},
		"b by a flag":    {lines.Local().To("b").Emit, [3]bool{false, true, true}},
		"b uncompressed": {lines.Compress(false).Local().Compress(true).To("b").Emit, [3]bool{false, true, true}},
	} {
		must(t, tt.emit("e", what))
		must(t, lines.Emit("end"))
		for i, c := range clients {
			if tt.want[i] {
				c.expect(fmt.Sprintf(`2%s,["e",%q]`, names[i], what))
			}
			c.expect(fmt.Sprintf(`2%s,["end"]`, names[i]))
		}
	}
	must(t, lines.Volatile().Volatile().Emit("perhaps"))
}

func TestDynamicNamespaces(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{MaxChildNamespaces: 2}, func(io *socketio.Server) {
		io.OfMatch(func(name string, auth []byte) bool { return name == "/by-auth" && string(auth) == `{"k":1}` })
		lines := io.OfRegexp(regexp.MustCompile(`^/line-\d+$`))
		registerEcho(lines)
		lines.OnConnection(func(s *socketio.Socket) { _ = s.Emit("hello", s.Namespace().Name()) })
	}, func(t *testing.T, ts *testServer, dial func() *testClient) {
		a, b := dial(), dial()
		a.connect("/line-1", "")
		a.expect(`2/line-1,["hello","/line-1"]`)
		b.connect("/line-2", "")
		b.expect(`2/line-2,["hello","/line-2"]`)
		b.send(`2/line-2,["message",1]`)
		b.expect(`2/line-2,["message-back",1]`)
		must(t, ts.io.Of("/line-1").Emit("one"))
		a.expect(`2/line-1,["one"]`)
		a.send(`0/line-x,`)
		a.expect(`4/line-x,{"message":"Invalid namespace"}`)
		a.send(`0/by-auth,{"k":1}`)
		a.expect(`4/by-auth,{"message":"Invalid namespace"}`) // the limit is reached
		a.send(`1/line-1,`)
		waitUntil(t, "the namespace is empty", func() bool { return len(ts.io.Of("/line-1").Sockets()) == 0 })
		a.connect("/by-auth", `{"k":1}`)
		b.send(`2/line-2,["message",1]`)
		b.expect(`2/line-2,["message-back",1]`)
	})
}
