package socketio_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sync"
	"testing"

	"smart-factory-backend/app/socketio"
)

// TestRoomsAreTold: in the order of what happens, a socket's own room included.
func TestRoomsAreTold(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 100)
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		joining(io)
		io.OnCreateRoom(func(room string) { seen <- "create " + room })
		io.OnDeleteRoom(func(room string) { seen <- "delete " + room })
		io.OnJoinRoom(func(room, id string) {
			seen <- "join " + room + " " + id
			if room == "nested" {
				io.Socket(id).Join("nest") // it is told after this
			}
		})
		io.OnLeaveRoom(func(room, id string) {
			seen <- "leave " + room + " " + id
			if room == "trap" {
				panic("on purpose") // and the others are told all the same
			}
		})
	})
	a, b := p.dial("websocket"), p.dial("websocket")
	wants := func(texts ...string) {
		t.Helper()
		for _, want := range texts {
			if got := receive(t, seen); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	A := a.connect("", "").SID
	wants("create "+A, "join "+A+" "+A)
	B := b.connect("", "").SID
	wants("create "+B, "join "+B+" "+B)
	a.send(`21["join","r"]`, `22["join","r"]`)
	wants("create r", "join r "+A)
	b.send(`21["join","r"]`)
	wants("join r " + B)
	a.send(`23["leave","r"]`, `24["leave","r"]`)
	wants("leave r " + A)
	mustDo(t, p.io.In("r").SocketsLeave("r"))
	wants("leave r "+B, "delete r")
	mustDo(t, p.io.In(A).SocketsJoin("nested", "trap"))
	wants("create nested", "join nested "+A, "create trap", "join trap "+A, "create nest", "join nest "+A)
	a.send(`25["join",` + fmt.Sprintf("%q", B) + `]`) // the room of another
	wants("join " + B + " " + A)
	b.send(`1`)
	wants("leave " + B + " " + B)
	a.send(`1`)
	wants("leave nested "+A, "delete nested", "leave trap "+A, "delete trap", "leave nest "+A, "delete nest",
		"leave "+B+" "+A, "delete "+B, "leave "+A+" "+A, "delete "+A)
	receive(t, p.panics)
}

// TestRoomsAreToldInOrder: whoever changes them, a room is created before it
// is joined, left before it is deleted, and nothing is told twice.
func TestRoomsAreToldInOrder(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	members := map[string]map[string]bool{}
	faults := make(chan string, 10_000)
	check := func(ok bool, what, room string) {
		if !ok {
			faults <- what + " " + room
		}
	}
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
		io.OnCreateRoom(func(room string) {
			mu.Lock()
			defer mu.Unlock()
			check(members[room] == nil, "create", room)
			members[room] = map[string]bool{}
		})
		io.OnJoinRoom(func(room, id string) {
			mu.Lock()
			defer mu.Unlock()
			check(members[room] != nil && !members[room][id], "join", room)
			members[room][id] = true
		})
		io.OnLeaveRoom(func(room, id string) {
			mu.Lock()
			defer mu.Unlock()
			check(members[room][id], "leave", room)
			delete(members[room], id)
		})
		io.OnDeleteRoom(func(room string) {
			mu.Lock()
			defer mu.Unlock()
			check(len(members[room]) == 0, "delete", room)
			delete(members, room)
		})
	})
	var clients []*peer
	for range 4 {
		c := p.dial("websocket")
		c.connect("", "")
		clients = append(clients, c)
	}
	var work sync.WaitGroup
	for _, s := range p.io.Sockets() {
		work.Go(func() {
			for i := range 500 {
				s.Join("a", "b")
				s.Leave([]string{"a", "b"}[i%2])
				s.Leave("a", "b")
			}
		})
	}
	work.Wait()
	for _, c := range clients {
		c.stop()
	}
	for range clients {
		receive(t, p.ends)
	}
	until(t, "all is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(members) == 0
	})
	if len(faults) > 0 {
		t.Errorf("out of order: %d, the first: %s", len(faults), <-faults)
	}
}

// TestNamespacesComeAndGo: they are announced, and one of a pattern that the
// last socket has left is taken away if that is asked for.
func TestNamespacesComeAndGo(t *testing.T) {
	t.Parallel()
	for _, cleanup := range []bool{false, true} {
		t.Run(fmt.Sprintf("cleanup %v", cleanup), func(t *testing.T) {
			t.Parallel()
			seen := make(chan string, 10)
			closed := make(chan string, 10)
			o := socketio.Options{CleanupEmptyChildNamespaces: cleanup}
			o.Adapter = func(n *socketio.Namespace) socketio.Adapter {
				return &closing{socketio.NewMemoryAdapter(n), func() { closed <- n.Name() }}
			}
			var lines *socketio.ParentNamespace
			p := start(t, o, func(io *socketio.Server) {
				io.OnNewNamespace(func(n *socketio.Namespace) { seen <- n.Name() })
				io.Of("/static")
				io.Of("static")
				lines = io.OfRegexp(regexp.MustCompile(`^/line-\d+$`))
				echo(lines)
			})
			a, b := p.dial("websocket"), p.dial("polling")
			for range 2 {
				a.connect("/line-1", "")
				b.connect("/line-1", "")
				a.send(`1/line-1,`)
				b.send(`2/line-1,["message",1]`)
				b.wants(`2/line-1,["message-back",1]`) // it is still there
				b.send(`1/line-1,`)
				want := 1
				if cleanup {
					want = 0
					if got := receive(t, closed); got != "/line-1" {
						t.Errorf("the adapter of %s was closed", got)
					}
				}
				until(t, "it is empty", func() bool { return len(lines.Children()) == want })
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

// closing is an adapter that tells of its end.
type closing struct {
	*socketio.MemoryAdapter
	closed func()
}

func (c *closing) Close() error {
	c.closed()
	return c.MemoryAdapter.Close()
}

// TestParentNamespacesSelect: an operator of a pattern reaches the same rooms
// of all its namespaces.
func TestParentNamespacesSelect(t *testing.T) {
	t.Parallel()
	var lines *socketio.ParentNamespace
	p := start(t, socketio.Options{}, func(io *socketio.Server) {
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
	var clients []*peer
	names := []string{"/line-1", "/line-2", "/line-2"}
	for i, rooms := range []string{`["a"]`, `["a","b"]`, `["b"]`} {
		c := p.dial("websocket")
		c.connect(names[i], `{"rooms":`+rooms+`}`)
		c.wants("2" + names[i] + `,["joined"]`)
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
		mustDo(t, tt.emit("e", what))
		mustDo(t, lines.Emit("end"))
		for i, c := range clients {
			if tt.want[i] {
				c.wants(fmt.Sprintf(`2%s,["e",%q]`, names[i], what))
			}
			c.wants(fmt.Sprintf(`2%s,["end"]`, names[i]))
		}
	}
	mustDo(t, lines.Volatile().Volatile().Emit("perhaps"))
}

// TestSocketByItsID: by nothing else, though others may be in its room.
func TestSocketByItsID(t *testing.T) {
	t.Parallel()
	p := start(t, socketio.Options{}, joining)
	a, b := p.dial("websocket"), p.dial("polling")
	A, B := a.connect("", "").SID, b.connect("", "").SID
	b.send(fmt.Sprintf(`21["join",%q]`, A))
	b.read()
	for _, id := range []string{A, B} {
		if s := p.io.Socket(id); s == nil || s.ID() != id {
			t.Errorf("Socket(%s) = %v", id, s)
		}
	}
	a.send("1")
	receive(t, p.ends)
	for _, id := range []string{A, "nobody", ""} {
		if s := p.io.Socket(id); s != nil {
			t.Errorf("Socket(%q) = %v, want nil", id, s)
		}
	}
}
