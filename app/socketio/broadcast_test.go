package socketio_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

// joinRoomsFromAuth lets clients join the room that they name.
func joinRoomsFromAuth(io *socketio.Server) {
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

// connectClients are clients of one server, each in the rooms that it was given.
func connectClients(ts *testServer, dial func() *testClient, rooms ...[]string) (clients []*testClient, ids []string) {
	ts.t.Helper()
	for _, names := range rooms {
		c := dial()
		ids = append(ids, c.connect("", "").SID)
		for _, name := range names {
			c.send(fmt.Sprintf(`20["join",%q]`, name))
			if got := c.read(); got[:2] != "30" {
				ts.t.Fatalf("join answered %q", got)
			}
		}
		clients = append(clients, c)
	}
	return clients, ids
}

func TestBroadcastSelectsSockets(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, joinRoomsFromAuth, func(t *testing.T, ts *testServer, dial func() *testClient) {
		clients, ids := connectClients(ts, dial, []string{"a"}, []string{"a", "b"}, []string{"b"}, nil)
		self := ts.io.Sockets()[slices.IndexFunc(ts.io.Sockets(), func(s *socketio.Socket) bool { return s.ID() == ids[0] })]
		main := ts.io.Namespace
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
			"a room that is empty":           {main.To("empty").Emit, nil},
			"a room and itself excepted":     {main.To("a").Except("a").Emit, nil},
			"all but oneself":                {self.Broadcast().Emit, []int{1, 2, 3}},
			"a room but oneself":             {self.To("a").Emit, []int{1}},
			"a room but oneself and another": {self.To("b").Except(ids[2]).Emit, []int{1}},
			"others on this server":          {self.Local().To("a", "b").Emit, []int{1, 2}},
			"locally":                        {main.Local().Emit, []int{0, 1, 2, 3}},
			"without compression":            {main.Compress(false).To("b").Emit, []int{1, 2}},
			"by a socket's flags":            {self.Timeout(time.Second).To("a").Emit, []int{1}},
		} {
			must(t, tt.emit("e", name, []byte{1}))
			must(t, main.Emit("end"))
			for i, c := range clients {
				if slices.Contains(tt.want, i) {
					c.expect(fmt.Sprintf(`51-["e",%q,{"_placeholder":true,"num":0}]`, name), "b:\x01")
				}
				c.expect(`2["end"]`)
			}
		}
	})
}

func TestRoomsFollowJoinAndLeave(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, joinRoomsFromAuth)
	clients, ids := connectClients(ts, func() *testClient { return ts.dial("websocket") }, nil, nil)
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
	c.expect(rooms("x"), rooms("x"), rooms("x", "y"), rooms("y"), rooms("y"))
	c.send(fmt.Sprintf(`21["leave",%q]`, ids[0]))
	c.expect(`31[["y"]]`)
	must(t, ts.io.To(ids[0]).Emit("lost"))
	c.send(fmt.Sprintf(`21["join",%q]`, ids[0]))
	c.expect(rooms("y"))
	must(t, ts.io.To(ids[0]).Emit("found"))
	c.expect(`2["found"]`)
	// Somebody else's own room can be joined.
	clients[1].send(fmt.Sprintf(`21["join",%q]`, ids[0]))
	clients[1].read()
	must(t, ts.io.To(ids[0]).Emit("both"))
	for _, c := range clients {
		c.expect(`2["both"]`)
	}
	if got, want := sorted(ts.io.Adapter().LocalRooms()), sorted([]string{ids[0], ids[1], "y"}); !slices.Equal(got, want) {
		t.Errorf("LocalRooms() = %v, want %v", got, want)
	}
	_ = c.post("1")
	receive(t, ts.disconnects)
	if ts.io.Adapter().HasRoom("y") {
		t.Error("the room of a disconnected client still exists")
	}
	if !ts.io.Adapter().HasRoom(ids[0]) {
		t.Error("a room with another member was deleted with the socket it is named after")
	}
}

func TestOperationsOnSelectedSockets(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, func(io *socketio.Server) {
		joinRoomsFromAuth(io)
		io.OnConnection(func(s *socketio.Socket) { s.Data().Set("tag", "x") })
	}, func(t *testing.T, ts *testServer, dial func() *testClient) {
		clients, ids := connectClients(ts, dial, []string{"a"}, []string{"a"}, nil)
		must(t, ts.io.To("a").Except(ids[1]).SocketsJoin("c", "d"))
		must(t, ts.io.SocketsJoin("all"))
		must(t, ts.io.To("c").SocketsLeave("d"))
		found, err := ts.io.In("a").FetchSockets(t.Context())
		must(t, err)
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
			must(t, s.Leave("all"))
			must(t, s.Join("late"))
			must(t, s.Emit("hello", s.ID == ids[0]))
		}
		clients[0].expect(`2["hello",true]`)
		clients[1].expect(`2["hello",false]`)
		must(t, ts.io.To("late").Emit("late"))
		clients[0].expect(`2["late"]`)
		clients[1].expect(`2["late"]`)
		must(t, found[slices.IndexFunc(found, func(s *socketio.RemoteSocket) bool { return s.ID == ids[0] })].Disconnect(false))
		clients[0].expect(`1`)
		must(t, ts.io.To("all").DisconnectSockets(true))
		clients[2].expect(`1`)
		clients[2].expectClosed()
		must(t, ts.io.Emit("left"))
		clients[1].expect(`2["left"]`)
		if n, err := ts.io.ServerCount(t.Context()); n != 1 || err != nil {
			t.Errorf("ServerCount() = %d, %v, want 1", n, err)
		}
	})
}

func TestBroadcastsArriveInOrderAndWhole(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, joinRoomsFromAuth, func(t *testing.T, ts *testServer, dial func() *testClient) {
		clients, _ := connectClients(ts, dial, []string{"a"}, []string{"a"})
		const senders, each = 4, 50
		var sending sync.WaitGroup
		for i := range senders {
			sending.Go(func() {
				for n := range each {
					_ = ts.io.To("a").Emit("e", i, n, []byte{byte(i)}, []byte{byte(n)})
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
				c.expect("b:"+string([]byte{byte(i)}), "b:"+string([]byte{byte(n)}))
			}
		}
	})
}

func TestPreparedEvents(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, nil, func(t *testing.T, ts *testServer, dial func() *testClient) {
		a, b := dial(), dial()
		a.connect("", "")
		b.connect("", "")
		text, err := ts.io.Prepare("t", map[string]int{"x": 1})
		must(t, err)
		binary, err := ts.io.Prepare("b", []byte{1})
		must(t, err)
		for _, s := range ts.io.Sockets() {
			must(t, s.SendPrepared(text))
			must(t, s.SendPrepared(binary))
			must(t, s.SendPreparedLatest(1, binary))
		}
		for _, c := range []*testClient{a, b} {
			c.expect(`2["t",{"x":1}]`)
			for range 2 {
				c.expect(`51-["b",{"_placeholder":true,"num":0}]`, "b:\x01")
			}
		}
		other, err := ts.io.Of("/other").Prepare("x")
		must(t, err)
		if err := ts.io.Sockets()[0].SendPrepared(other); !errors.Is(err, socketio.ErrInvalid) {
			t.Errorf("SendPrepared of another namespace's event: %v, want ErrInvalid", err)
		}
	})
}
