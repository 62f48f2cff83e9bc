package socketio_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

// clock is a clock that a test can advance.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// offsetOf is the last argument of an event.
func offsetOf(t testing.TB, packet string) string {
	t.Helper()
	var event []any
	if err := json.Unmarshal([]byte(strings.TrimLeft(packet, "0123456789-")), &event); err != nil || len(event) < 2 {
		t.Fatalf("%q is no event with an offset", packet)
	}
	offset, ok := event[len(event)-1].(string)
	if !ok || offset == "" {
		t.Fatalf("%q has no offset", packet)
	}
	return offset
}

// reconnect asks to recover the session w.
func (c *testClient) reconnect(w connectedData, offset string) {
	c.send(fmt.Sprintf(`0{"pid":%q,"offset":%q,"more":1}`, w.PID, offset))
}

func recoveryOptions(o socketio.Recovery) socketio.Options { return socketio.Options{Recovery: &o} }

func TestRecovery(t *testing.T) {
	t.Parallel()
	forEachTransport(t, recoveryOptions(socketio.Recovery{}), func(io *socketio.Server) {
		joinRoomsFromAuth(io)
		io.Use(func(s *socketio.Socket) error {
			if s.Auth() == nil {
				return nil
			}
			return &socketio.ConnectionError{Message: "the middleware ran"}
		})
		io.OnConnection(func(s *socketio.Socket) {
			if !s.Recovered() {
				s.Data().Set("who", "me")
			}
			_ = s.Volatile().Emit("hello", s.Recovered(), s.Data().Get("who"), sorted(s.Rooms())[1:])
		})
	}, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c, other := dial(), dial()
		w := c.connect("", "")
		if len(w.PID) != 20 || w.PID == w.SID {
			t.Fatalf("the pid is %q", w.PID)
		}
		other.connect("", "")
		// The greeting is volatile, and so without an offset.
		c.send(`20["join","~room"]`)
		for got := c.read(); !strings.HasPrefix(got, "30"); got = c.read() {
			if got != `2["hello",false,"me",[]]` {
				t.Fatalf("got %q", got)
			}
		}
		must(t, ts.io.Emit("seen", 1))
		seen := c.read()
		offset := offsetOf(t, seen)
		if want := fmt.Sprintf(`2["seen",1,%q]`, offset); seen != want {
			t.Errorf("got %q, want %q", seen, want)
		}
		_ = c.post("1")
		receive(t, ts.disconnects)

		must(t, ts.io.Emit("missed", 1))
		must(t, ts.io.To("~room").Emit("missed", 2, []byte{7}))
		must(t, ts.io.To(w.SID).Emit("missed", 3))
		must(t, ts.io.To("elsewhere").Emit("for another room"))
		must(t, ts.io.Except("~room").Emit("not for that room"))
		must(t, ts.io.Volatile().Emit("volatile"))

		back := dial()
		back.reconnect(w, offset)
		for i := range 3 {
			got := back.read()
			offset = offsetOf(t, got)
			want := fmt.Sprintf(`2["missed",%d,%q]`, i+1, offset)
			if i == 1 {
				want = fmt.Sprintf(`51-["missed",2,{"_placeholder":true,"num":0},%q]`, offset)
			}
			if got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
			if i == 1 {
				back.expect("b:\x07")
			}
		}
		if again := back.readConnected("0"); again != w {
			t.Errorf("came back as %+v, want %+v", again, w)
		}
		found, err := ts.io.FetchSockets(t.Context())
		must(t, err)
		for _, s := range found {
			if strings.Contains(string(s.Handshake), w.PID) {
				t.Errorf("the pid is visible to other servers: %s", s.Handshake)
			}
			if s.ID == w.SID && !strings.Contains(string(s.Handshake), `"auth":{"more":1}`) {
				t.Errorf("the handshake is %s", s.Handshake)
			}
		}
		must(t, ts.io.To("~room").Emit("live"))
		for got := back.read(); !strings.HasPrefix(got, `2["live",`); got = back.read() {
			if got != `2["hello",true,"me",["~room"]]` {
				t.Fatalf("got %q", got)
			}
		}
		// A session is there for one client.
		thief := dial()
		thief.reconnect(w, offset)
		thief.expect(`4{"message":"the middleware ran"}`)
	})
}

func TestUnrecoverableSessions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limits socketio.Recovery
		leave  string // the packet that ends the session
		before func(ts *testServer, c *clock)
		offset func(offset string) string
	}{
		"left by itself":            {leave: "41"},
		"disconnected for too long": {leave: "1", before: func(_ *testServer, c *clock) { c.advance(2*time.Minute + time.Second) }},
		"sooner, if that is wanted": {leave: "1", limits: socketio.Recovery{MaxDisconnectionDuration: time.Second}, before: func(_ *testServer, c *clock) { c.advance(2 * time.Second) }},
		"missed more than is kept": {
			leave: "1", limits: socketio.Recovery{MaxEvents: 3},
			before: func(ts *testServer, _ *clock) {
				for range 5 {
					_ = ts.io.Emit("e")
				}
			},
		},
		"missed more bytes than are kept": {
			leave: "1", limits: socketio.Recovery{MaxBytes: 5000},
			before: func(ts *testServer, _ *clock) {
				for range 5 {
					_ = ts.io.Emit("e", make([]byte, 1000))
				}
			},
		},
		"made room for others": {
			leave: "1", limits: socketio.Recovery{MaxSessions: 1},
			before: func(ts *testServer, _ *clock) {
				c := ts.dial("websocket")
				c.connect("", "")
				_ = c.post("1")
				receive(ts.t, ts.disconnects)
			},
		},
		"an offset of another process": {leave: "1", offset: func(string) string { return "AAAAAAAA-1" }},
		"an offset of the future":      {leave: "1", offset: func(o string) string { return o + "zzz" }},
		"an offset that is none":       {leave: "1", offset: func(string) string { return "x" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now clock
			o := recoveryOptions(tt.limits)
			socketio.SetClock(&o, now.now)
			ts := startServer(t, o, nil)
			c := ts.dial("websocket")
			w := c.connect("", "")
			must(t, ts.io.Emit("e"))
			offset := offsetOf(t, c.read())
			if tt.leave == "1" {
				_ = c.post("1")
			} else {
				c.send(tt.leave[1:])
			}
			receive(t, ts.disconnects)
			if tt.before != nil {
				tt.before(ts, &now)
			}
			if tt.offset != nil {
				offset = tt.offset(offset)
			}
			back := ts.dial("websocket")
			back.reconnect(w, offset)
			if again := back.readConnected("0"); again.SID == w.SID || again.PID == w.PID {
				t.Errorf("reconnected as %+v, want a new socket", again)
			}
			if ts.io.Sockets()[0].Recovered() {
				t.Error("Recovered() = true")
			}
		})
	}
}

func TestRecoveryMayRunMiddlewares(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	ts := startServer(t, recoveryOptions(socketio.Recovery{RunMiddlewares: true}), func(io *socketio.Server) {
		io.Use(func(s *socketio.Socket) error {
			if ran.Add(1) == 2 && !s.Recovered() {
				t.Error("the middleware does not see that the socket is recovered")
			}
			return nil
		})
	})
	c := ts.dial("websocket")
	w := c.connect("", "")
	must(t, ts.io.Emit("e"))
	offset := offsetOf(t, c.read())
	_ = c.post("1")
	receive(t, ts.disconnects)
	back := ts.dial("websocket")
	back.reconnect(w, offset)
	if again := back.readConnected("0"); again != w || ran.Load() != 2 {
		t.Errorf("came back as %+v after %d runs of the middleware, want %+v after 2", again, ran.Load(), w)
	}
}

// Events that are sent all the while arrive once each and in order, whatever
// the connection does.
func TestRecoveryLosesNoEvents(t *testing.T) {
	t.Parallel()
	ts := startServer(t, recoveryOptions(socketio.Recovery{}), nil)
	c := ts.dial("websocket")
	w := c.connect("", "")
	const n = 2000
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := range n {
			_ = ts.io.Emit("e", i)
			if i%100 == 0 {
				<-tick.C // so that the rounds meet in different ways
			}
		}
	}()
	next, offset := 0, ""
	for next < n {
		for range 150 {
			if next == n {
				break
			}
			got := c.read()
			if strings.HasPrefix(got, "0") {
				if strings.Contains(got, w.SID) {
					continue
				}
				t.Fatalf("not recovered after %d events: %s", next, got)
			}
			offset = offsetOf(t, got)
			if want := fmt.Sprintf(`2["e",%d,%q]`, next, offset); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
			next++
		}
		_ = c.post("1")
		receive(t, ts.disconnects)
		c = ts.dial("websocket")
		c.reconnect(w, offset)
	}
}

// Who is lost again on the way back may come a second time.
func TestSessionSurvivesAbortedRecovery(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	begun, gate := make(chan struct{}), make(chan struct{})
	ts := startServer(t, recoveryOptions(socketio.Recovery{RunMiddlewares: true}), func(io *socketio.Server) {
		io.Use(func(*socketio.Socket) error {
			if tries.Add(1) == 2 {
				close(begun)
				<-gate
			}
			return nil
		})
	})
	c := ts.dial("websocket")
	w := c.connect("", "")
	must(t, ts.io.Emit("e"))
	offset := offsetOf(t, c.read())
	_ = c.post("1")
	receive(t, ts.disconnects)
	lost := ts.dial("websocket")
	lost.reconnect(w, offset)
	receive(t, begun)
	_ = lost.post("1")
	receive(t, lost.closed)
	waitUntil(t, "the server knows", func() bool { return ts.io.Engine().Stats().Sessions == 0 })
	close(gate)
	again := connectedData{}
	waitUntil(t, "the session is there again", func() bool {
		back := ts.dial("websocket")
		back.reconnect(w, offset)
		again = back.readConnected("0")
		return again == w
	})
}

// A client receives events in the order of their offsets, however many goroutines
// emit them: it recovers from the last one that it has received.
func TestOffsetsArriveInOrder(t *testing.T) {
	t.Parallel()
	const emitters, events = 8, 200
	forEachTransport(t, recoveryOptions(socketio.Recovery{}), func(io *socketio.Server) {
		io.OnConnection(func(s *socketio.Socket) { s.Join("room") })
	}, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		waitUntil(t, "the client is in its room", func() bool { return ts.io.Adapter().HasRoom("room") })
		var emitting sync.WaitGroup
		for i := range emitters {
			emitting.Go(func() {
				for k := range events {
					to := ts.io.To("room")
					if k%2 == 1 {
						to = ts.io.Except("nobody")
					}
					must(t, to.Emit("e", i, k))
				}
			})
		}
		before := uint64(0)
		for range emitters * events {
			offset := offsetOf(t, c.read())
			number, err := strconv.ParseUint(offset[strings.LastIndexByte(offset, '-')+1:], 36, 64)
			if err != nil || number != before+1 {
				t.Fatalf("event %d follows event %d, %v", number, before, err)
			}
			before = number
		}
		emitting.Wait()
	})
}
