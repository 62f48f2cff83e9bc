package socketio_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

// joining lets clients join the room that they name.
func joining(io *socketio.Server) {
	io.On("join", func(e *socketio.Event) {
		e.Socket.Join(e.Args.Text(0))
		_ = e.Ack(sorted(e.Socket.Rooms()))
	})
	io.On("leave", func(e *socketio.Event) {
		e.Socket.Leave(e.Args.Text(0))
		_ = e.Ack(sorted(e.Socket.Rooms()))
	})
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}

// crowd are clients of one server, each in the rooms that it was given.
func crowd(p *plant, dial func() *peer, rooms ...[]string) (clients []*peer, ids []string) {
	p.t.Helper()
	for _, names := range rooms {
		c := dial()
		ids = append(ids, c.connect("", "").SID)
		for _, name := range names {
			c.send(fmt.Sprintf(`20["join",%q]`, name))
			if got := c.read(); got[:2] != "30" {
				p.t.Fatalf("join answered %q", got)
			}
		}
		clients = append(clients, c)
	}
	return clients, ids
}

func TestBroadcastReachesWhomItShould(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, joining, func(t *testing.T, p *plant, dial func() *peer) {
		clients, ids := crowd(p, dial, []string{"a"}, []string{"a", "b"}, []string{"b"}, nil)
		self := p.io.Sockets()[slices.IndexFunc(p.io.Sockets(), func(s *socketio.Socket) bool { return s.ID() == ids[0] })]
		main := p.io.Namespace
		for name, tt := range map[string]struct {
			emit func(event string, args ...any) error
			want []int
		}{
			"everybody":                      {main.Emit, []int{0, 1, 2, 3}},
			"a room":                         {main.To("a").Emit, []int{0, 1}},
			"two rooms, each once":           {main.To("a", "b").Emit, []int{0, 1, 2}},
			"rooms one after the other":      {main.To("a").In("b").Emit, []int{0, 1, 2}},
			"all but a room":                 {main.Except("a").Emit, []int{2, 3}},
			"a room but a room":              {main.To("a").Except("b").Emit, []int{0}},
			"a socket's own room":            {main.To(ids[3]).Emit, []int{3}},
			"all but a socket":               {main.Except(ids[1]).Emit, []int{0, 2, 3}},
			"a room that is empty":           {main.To("nobody").Emit, nil},
			"a room and itself excepted":     {main.To("a").Except("a").Emit, nil},
			"all but oneself":                {self.Broadcast().Emit, []int{1, 2, 3}},
			"a room but oneself":             {self.To("a").Emit, []int{1}},
			"a room but oneself and another": {self.To("b").Except(ids[2]).Emit, []int{1}},
			"others on this server":          {self.Local().To("a", "b").Emit, []int{1, 2}},
			"locally":                        {main.Local().Emit, []int{0, 1, 2, 3}},
			"without compression":            {main.Compress(false).To("b").Emit, []int{1, 2}},
			"by a socket's flags":            {self.Timeout(time.Second).To("a").Emit, []int{1}},
		} {
			mustDo(t, tt.emit("e", name, []byte{1}))
			mustDo(t, main.Emit("end"))
			for i, c := range clients {
				if slices.Contains(tt.want, i) {
					c.wants(fmt.Sprintf(`51-["e",%q,{"_placeholder":true,"num":0}]`, name), "b:\x01")
				}
				c.wants(`2["end"]`)
			}
		}
	})
}

func TestRoomsFollowJoinAndLeave(t *testing.T) {
	t.Parallel()
	p := start(t, socketio.Options{}, joining)
	clients, ids := crowd(p, func() *peer { return p.dial("websocket") }, nil, nil)
	rooms := func(names ...string) string {
		list := sorted(append(names, ids[0]))
		text := ""
		for i, name := range list {
			if i > 0 {
				text += ","
			}
			text += fmt.Sprintf("%q", name)
		}
		return `31[[` + text + `]]`
	}
	c := clients[0]
	c.send(`21["join","x"]`, `21["join","x"]`, `21["join","y"]`, `21["leave","x"]`, `21["leave","z"]`)
	c.wants(rooms("x"), rooms("x"), rooms("x", "y"), rooms("y"), rooms("y"))
	c.send(fmt.Sprintf(`21["leave",%q]`, ids[0]))
	c.wants(`31[["y"]]`)
	mustDo(t, p.io.To(ids[0]).Emit("lost"))
	c.send(fmt.Sprintf(`21["join",%q]`, ids[0]))
	c.wants(rooms("y"))
	mustDo(t, p.io.To(ids[0]).Emit("found"))
	c.wants(`2["found"]`)
	// Somebody else's own room can be joined.
	clients[1].send(fmt.Sprintf(`21["join",%q]`, ids[0]))
	clients[1].read()
	mustDo(t, p.io.To(ids[0]).Emit("both"))
	for _, c := range clients {
		c.wants(`2["both"]`)
	}
	if got, want := sorted(p.io.Adapter().LocalRooms()), sorted([]string{ids[0], ids[1], "y"}); !slices.Equal(got, want) {
		t.Errorf("LocalRooms() = %v, want %v", got, want)
	}
	_ = c.post("1")
	receive(t, p.ends)
	if p.io.Adapter().HasRoom("y") {
		t.Error("the room of a client that has gone is still there")
	}
	if !p.io.Adapter().HasRoom(ids[0]) {
		t.Error("the room that somebody else joined has gone with the socket it was named for")
	}
}

func TestSelectionsAreActedOn(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, func(io *socketio.Server) {
		joining(io)
		io.OnConnection(func(s *socketio.Socket) { s.Data().Set("tag", "x") })
	}, func(t *testing.T, p *plant, dial func() *peer) {
		clients, ids := crowd(p, dial, []string{"a"}, []string{"a"}, nil)
		mustDo(t, p.io.To("a").Except(ids[1]).SocketsJoin("c", "d"))
		mustDo(t, p.io.SocketsJoin("all"))
		mustDo(t, p.io.To("c").SocketsLeave("d"))
		found, err := p.io.In("a").FetchSockets(t.Context())
		mustDo(t, err)
		if len(found) != 2 {
			t.Fatalf("FetchSockets found %d sockets, want 2", len(found))
		}
		for _, s := range found {
			want := []string{s.ID, "a", "all"}
			if s.ID == ids[0] {
				want = append(want, "c")
			}
			if got := sorted(s.Rooms); !slices.Equal(got, sorted(want)) || string(s.Data) != `{"tag":"x"}` {
				t.Errorf("socket %s is in %v with %s, want %v with the tag", s.ID, got, s.Data, want)
			}
			mustDo(t, s.Leave("all"))
			mustDo(t, s.Join("late"))
			mustDo(t, s.Emit("hello", s.ID == ids[0]))
		}
		clients[0].wants(`2["hello",true]`)
		clients[1].wants(`2["hello",false]`)
		mustDo(t, p.io.To("late").Emit("late"))
		clients[0].wants(`2["late"]`)
		clients[1].wants(`2["late"]`)
		mustDo(t, found[slices.IndexFunc(found, func(s *socketio.RemoteSocket) bool { return s.ID == ids[0] })].Disconnect(false))
		clients[0].wants(`1`)
		mustDo(t, p.io.To("all").DisconnectSockets(true))
		clients[2].wants(`1`)
		clients[2].wantsEnd()
		mustDo(t, p.io.Emit("left"))
		clients[1].wants(`2["left"]`)
		if n, err := p.io.ServerCount(t.Context()); n != 1 || err != nil {
			t.Errorf("ServerCount() = %d, %v, want 1", n, err)
		}
	})
}

func TestDynamicNamespaces(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{MaxChildNamespaces: 2}, func(io *socketio.Server) {
		io.OfMatch(func(name string, auth []byte) bool { return name == "/by-auth" && string(auth) == `{"k":1}` })
		lines := io.OfRegexp(regexp.MustCompile(`^/line-\d+$`))
		echo(lines)
		lines.OnConnection(func(s *socketio.Socket) { _ = s.Emit("hello", s.Namespace().Name()) })
	}, func(t *testing.T, p *plant, dial func() *peer) {
		a, b := dial(), dial()
		a.connect("/line-1", "")
		a.wants(`2/line-1,["hello","/line-1"]`)
		b.connect("/line-2", "")
		b.wants(`2/line-2,["hello","/line-2"]`)
		b.send(`2/line-2,["message",1]`)
		b.wants(`2/line-2,["message-back",1]`)
		mustDo(t, p.io.Of("/line-1").Emit("one"))
		a.wants(`2/line-1,["one"]`)
		a.send(`0/line-x,`)
		a.wants(`4/line-x,{"message":"Invalid namespace"}`)
		a.send(`0/by-auth,{"k":1}`)
		a.wants(`4/by-auth,{"message":"Invalid namespace"}`) // there are as many as may be
		a.send(`1/line-1,`)
		until(t, "the namespace is empty", func() bool { return len(p.io.Of("/line-1").Sockets()) == 0 })
		a.connect("/by-auth", `{"k":1}`)
		b.send(`2/line-2,["message",1]`)
		b.wants(`2/line-2,["message-back",1]`)
	})
}

func TestBroadcastsArriveInOrderAndWhole(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, joining, func(t *testing.T, p *plant, dial func() *peer) {
		clients, _ := crowd(p, dial, []string{"a"}, []string{"a"})
		const senders, each = 4, 50
		var sending sync.WaitGroup
		for i := range senders {
			sending.Go(func() {
				for n := range each {
					_ = p.io.To("a").Emit("e", i, n, []byte{byte(i)}, []byte{byte(n)})
				}
			})
		}
		sending.Wait()
		for _, c := range clients {
			next := make([]int, senders)
			for range senders * each {
				var i, n int
				got := c.read()
				if _, err := fmt.Sscanf(got, `52-["e",%d,%d,`, &i, &n); err != nil || n != next[i] {
					t.Fatalf("got %q, want number %d of the sender", got, next[i])
				}
				next[i]++
				c.wants("b:"+string([]byte{byte(i)}), "b:"+string([]byte{byte(n)}))
			}
		}
	})
}

func TestPreparedEvents(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, nil, func(t *testing.T, p *plant, dial func() *peer) {
		a, b := dial(), dial()
		a.connect("", "")
		b.connect("", "")
		text, err := p.io.Prepare("t", map[string]int{"x": 1})
		mustDo(t, err)
		binary, err := p.io.Prepare("b", []byte{1})
		mustDo(t, err)
		for _, s := range p.io.Sockets() {
			mustDo(t, s.SendPrepared(text))
			mustDo(t, s.SendPrepared(binary))
			mustDo(t, s.SendPreparedLatest(1, binary))
		}
		for _, c := range []*peer{a, b} {
			c.wants(`2["t",{"x":1}]`)
			for range 2 {
				c.wants(`51-["b",{"_placeholder":true,"num":0}]`, "b:\x01")
			}
		}
		other, err := p.io.Of("/other").Prepare("x")
		mustDo(t, err)
		if err := p.io.Sockets()[0].SendPrepared(other); !errors.Is(err, socketio.ErrInvalid) {
			t.Errorf("SendPrepared of another namespace's event: %v, want ErrInvalid", err)
		}
	})
}
