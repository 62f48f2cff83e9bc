package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
)

func TestServerDisconnect(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, func(io *socketio.Server) {
		for _, n := range []*socketio.Namespace{io.Namespace, io.Of("/other")} {
			registerEcho(n)
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
	}, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		c.connect("/other", "")
		c.send(`2/other,7["kick"]`)
		c.expect(`1/other,`)
		c.send(`2["message"]`)
		c.expect(`2["message-back"]`)
		c.connect("/other", "")
		c.sendIgnoringErrors(`28["kick","all"]`)
		got := []string{c.read(), c.read()}
		slices.Sort(got)
		if !slices.Equal(got, []string{`1`, `1/other,`}) {
			t.Errorf("got %q, want both namespaces' end", got)
		}
		c.expectClosed()
		if r := receive(t, ts.disconnects); r != socketio.ServerDisconnect {
			t.Errorf("disconnected for %q, want %q", r, socketio.ServerDisconnect)
		}
		if ts.io.Adapter().HasRoom("x") {
			t.Error("a socket that is disconnected has joined a room")
		}
		c = dial()
		c.connect("", "")
		c.sendIgnoringErrors(`2["drop"]`)
		c.expectClosed()
		if r := receive(t, ts.disconnects); r != socketio.ForcedClose {
			t.Errorf("disconnected for %q, want %q", r, socketio.ForcedClose)
		}
	})
}

func TestVolatile(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, nil)
	c := ts.dial("websocket")
	c.connect("", "")
	s := ts.io.Sockets()[0]
	idle := func() { waitUntil(t, "nothing waits", s.Conn().Writable) }
	idle()
	must(t, s.Volatile().Emit("v", 1))
	c.expect(`2["v",1]`)
	idle()
	must(t, ts.io.Volatile().Emit("v", 2))
	c.expect(`2["v",2]`)
	idle()
	if _, err := s.Volatile().Timeout(testTimeout).Compress(true).EmitWithAck(canceled(), "q"); !errors.Is(err, context.Canceled) {
		t.Errorf("EmitWithAck() = %v, want context.Canceled", err)
	}
	c.expect(`20["q"]`)

	// A polling client without a poll can't take anything at once.
	query := "/socket.io/?EIO=4&transport=polling"
	var opened struct{ Sid string }
	must(t, json.Unmarshal([]byte(ts.request(http.MethodGet, query, "")[1:]), &opened))
	query += "&sid=" + opened.Sid
	ts.request(http.MethodPost, query, "40")
	ts.request(http.MethodGet, query, "") // connected; no poll follows
	other := ts.io.Sockets()[slices.IndexFunc(ts.io.Sockets(), func(o *socketio.Socket) bool { return o != s })]
	if err := other.Volatile().Emit("v", 3); !errors.Is(err, socketio.ErrDropped) {
		t.Errorf("Emit to a client without a poll = %v, want ErrDropped", err)
	}
	idle()
	must(t, ts.io.Volatile().Emit("v", 4))
	c.expect(`2["v",4]`)
}

// request makes a raw HTTP request and returns the body of the response.
func (ts *testServer) request(method, target, body string) string {
	ts.t.Helper()
	req, err := http.NewRequest(method, "http://"+ts.addr+target, strings.NewReader(body))
	if err != nil {
		ts.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		ts.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		ts.t.Fatalf("%s %s: %d %s, %v", method, target, resp.StatusCode, b, err)
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
	forEachTransport(t, socketio.Options{}, nil, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		w := c.connect("", `{"token":"x"}`)
		s := ts.io.Sockets()[0]
		h := s.Handshake()
		if h.Address != "127.0.0.1" || !h.CrossDomain || h.Secure || h.Query.Get("x") != "1" || h.Query.Get("EIO") != "4" ||
			string(h.Auth) != `{"token":"x"}` || !reflect.DeepEqual(h.Headers["origin"], []string{"http://page"}) || time.Since(h.Time) > testTimeout {
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
		found, err := ts.io.FetchSockets(t.Context())
		must(t, err)
		var form struct {
			Headers map[string]string `json:"headers"`
			Time    string            `json:"time"`
			Issued  int64             `json:"issued"`
			XDomain bool              `json:"xdomain"`
			Query   map[string]string `json:"query"`
			Auth    map[string]string `json:"auth"`
		}
		must(t, unmarshal(found[0].Handshake, &form))
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

// TestSocketByItsID checks that the name of a room with other members does not
// find a socket.
func TestSocketByItsID(t *testing.T) {
	t.Parallel()
	ts := startServer(t, socketio.Options{}, joinRoomsFromAuth)
	a, b := ts.dial("websocket"), ts.dial("polling")
	A, B := a.connect("", "").SID, b.connect("", "").SID
	b.send(fmt.Sprintf(`21["join",%q]`, A))
	b.read()
	for _, id := range []string{A, B} {
		if s := ts.io.Socket(id); s == nil || s.ID() != id {
			t.Errorf("Socket(%s) = %v", id, s)
		}
	}
	a.send("1")
	receive(t, ts.disconnects)
	for _, id := range []string{A, "unknown", ""} {
		if s := ts.io.Socket(id); s != nil {
			t.Errorf("Socket(%q) = %v, want nil", id, s)
		}
	}
}
