package socketio_test

import (
	"fmt"
	"sync"
	"testing"

	"smart-factory-backend/app/socketio"
)

// TestRoomEvents checks the order of the events, including those of the
// sockets' own rooms.
func TestRoomEvents(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 100)
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
		joinRoomsFromAuth(io)
		io.OnCreateRoom(func(room string) { seen <- "create " + room })
		io.OnDeleteRoom(func(room string) { seen <- "delete " + room })
		io.OnJoinRoom(func(room, id string) {
			seen <- "join " + room + " " + id
			if room == "nested" {
				io.Socket(id).Join("nest") // its event is delivered after this one
			}
		})
		io.OnLeaveRoom(func(room, id string) {
			seen <- "leave " + room + " " + id
			if room == "trap" {
				panic("on purpose") // the other handlers still run
			}
		})
	})
	a, b := ts.dial("websocket"), ts.dial("websocket")
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
	must(t, ts.io.In("r").SocketsLeave("r"))
	wants("leave r "+B, "delete r")
	must(t, ts.io.In(A).SocketsJoin("nested", "trap"))
	wants("create nested", "join nested "+A, "create trap", "join trap "+A, "create nest", "join nest "+A)
	a.send(`25["join",` + fmt.Sprintf("%q", B) + `]`) // the own room of another socket
	wants("join " + B + " " + A)
	b.send(`1`)
	wants("leave " + B + " " + B)
	a.send(`1`)
	wants("leave nested "+A, "delete nested", "leave trap "+A, "delete trap", "leave nest "+A, "delete nest",
		"leave "+B+" "+A, "delete "+B, "leave "+A+" "+A, "delete "+A)
	receive(t, ts.panics)
}

// TestRoomEventsAreOrdered checks with concurrent changes that a room is
// created before it is joined and left before it is deleted, and that no event
// is delivered twice.
func TestRoomEventsAreOrdered(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	members := map[string]map[string]bool{}
	faults := make(chan string, 10_000)
	check := func(ok bool, what, room string) {
		if !ok {
			faults <- what + " " + room
		}
	}
	ts := startServer(t, socketio.Options{}, func(io *socketio.Server) {
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
	var clients []*testClient
	for range 4 {
		c := ts.dial("websocket")
		c.connect("", "")
		clients = append(clients, c)
	}
	var work sync.WaitGroup
	for _, s := range ts.io.Sockets() {
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
		receive(t, ts.disconnects)
	}
	waitUntil(t, "all events are delivered", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(members) == 0
	})
	if len(faults) > 0 {
		t.Errorf("out of order: %d, the first: %s", len(faults), <-faults)
	}
}
