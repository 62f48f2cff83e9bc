package socketio_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
)

// The rules of the protocol's own test suite, and those that it leaves out.

func withNamespaces(io *socketio.Server) {
	registerEcho(io)
	custom := io.Of("/custom")
	registerEcho(custom)
	auth := io.Of("auth")
	auth.Use(func(s *socketio.Socket) error {
		var a struct{ Token string }
		_ = json.Unmarshal(s.Auth(), &a)
		switch a.Token {
		case "good":
			return nil
		case "":
			return errors.New("who are you?")
		}
		return &socketio.ConnectionError{Message: "not authorized", Data: map[string]any{"code": "E_AUTH", "retry": false}}
	})
	registerEcho(auth)
}

func TestConnect(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, withNamespaces, func(t *testing.T, _ *testServer, dial func() *testClient) {
		c := dial()
		main := c.connect("", "")
		custom := c.connect("/custom", `{"a":"b"}`)
		if main.SID == custom.SID || len(main.SID) != 20 || len(custom.SID) != 20 {
			t.Errorf("the sockets' ids are %q and %q, want two of 20 characters", main.SID, custom.SID)
		}
		if main.PID != "" {
			t.Errorf("there is a pid, %q, without recovery", main.PID)
		}
		c.send(`0/random`)
		c.expect(`4/random,{"message":"Invalid namespace"}`)
		c.send(`0/auth,`)
		c.expect(`4/auth,{"message":"who are you?"}`)
		c.send(`0/auth,{"token":"bad"}`)
		c.expect(`4/auth,{"message":"not authorized","data":{"code":"E_AUTH","retry":false}}`)
		c.connect("/auth", `{"token":"good"}`)
		c.send(`2/auth,["message",1]`, `2/custom,["message",2]`, `2["message",3]`)
		want := map[string]bool{`2/auth,["message-back",1]`: true, `2/custom,["message-back",2]`: true, `2["message-back",3]`: true}
		for range 3 { // events are ordered per socket only
			if got := c.read(); !want[got] {
				t.Fatalf("got %q", got)
			} else {
				delete(want, got)
			}
		}
	})
}

func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{ConnectTimeout: 5 * time.Second}, withNamespaces, func(_ *testing.T, _ *testServer, dial func() *testClient) {
		joined := dial()
		joined.connect("", "")
		refused := dial()
		refused.send(`0/random`)
		refused.expect(`4/random,{"message":"Invalid namespace"}`)
		dial().expectClosed()
		refused.expectClosed()
		joined.send(`2["message"]`)
		joined.expect(`2["message-back"]`)
	})
}

func TestUnexpectedPacketClosesSession(t *testing.T) {
	t.Parallel()
	for name, packets := range map[string][]string{
		"event before connect":            {`2["message"]`},
		"second connect":                  {`0`, `0`},
		"event to another namespace":      {`0`, `2/custom,["message"]`},
		"connect error from a client":     {`0`, `4{"message":"x"}`},
		"acknowledgement before connect":  {`31[]`},
		"unknown packet type":             {`0`, `abc`},
		"payload of the wrong kind":       {`0`, `2{}`},
		"letters for an id":               {`0`, `2abc["message-with-ack",1,2]`},
		"reserved event":                  {`0`, `2["disconnect"]`},
		"binary out of the blue":          {`0`, "b:\x01"},
		"text in place of an attachment":  {`0`, `51-["message",{"_placeholder":true,"num":0}]`, `2["message"]`},
		"placeholder that leads nowhere":  {`0`, `51-["message",{"_placeholder":true,"num":1}]`, "b:\x01"},
		"more attachments than permitted": {`0`, `54-["message"]`},
		"larger attachments than that":    {`0`, `52-["message"]`, "b:" + strings.Repeat("x", 60), "b:" + strings.Repeat("x", 60)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forEachTransport(t, socketio.Options{MaxAttachments: 3, MaxAttachmentBytes: 100}, withNamespaces, func(t *testing.T, ts *testServer, dial func() *testClient) {
				other, c := dial(), dial()
				other.connect("", "")
				rest := packets
				if packets[0] == "0" {
					c.connect("", "")
					rest = packets[1:]
				}
				c.sendIgnoringErrors(rest...)
				c.expectClosed()
				if packets[0] == "0" {
					if r := receive(t, ts.disconnects); r != socketio.ParseError && r != socketio.ForcedServerClose {
						t.Errorf("the socket ended for %q", r)
					}
				}
				other.send(`2["message",1]`)
				other.expect(`2["message-back",1]`)
			})
		})
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, withNamespaces, func(_ *testing.T, _ *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		for _, args := range []string{
			`1`, `1,"2",{"3":[true]}`, `"\u20ac \ud83d\ude00 € 😀"`, `null`, `1.50e0`, `"\ud800"`, ` [ 1 , 2 ] `, `{"_placeholder":true,"num":0}`,
		} {
			c.send(`2["message",` + args + `]`)
			c.expect(`2["message-back",` + strings.TrimSpace(args) + `]`)
			c.send(`27["ask",` + args + `]`)
			c.expect(`37[` + strings.TrimSpace(args) + `]`)
		}
		c.send(`2["message"]`, `20["ask"]`, `2["no handler",1]`, `21["no handler",1]`, `2[1,2]`, `2["m\u0065ssage"]`)
		c.expect(`2["message-back"]`, `30[]`, `2["message-back"]`)
	})
}

func TestBinary(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, withNamespaces, func(_ *testing.T, _ *testServer, dial func() *testClient) {
		c := dial()
		c.connect("", "")
		c.connect("/custom", "")
		c.send(`52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
		c.expect(`52-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
		c.send(`52-/custom,789["ask",{"x":[{"num":1,"_placeholder":true}]},"y",{"_placeholder":true,"num":0}]`, "b:\x01", "b:")
		c.expect(`62-/custom,789[{"x":[{"_placeholder":true,"num":0}]},"y",{"_placeholder":true,"num":1}]`, "b:", "b:\x01")
		c.send(`50-["message"]`)
		c.expect(`2["message-back"]`)
	})
}

func TestPendingAttachmentsAreBounded(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{MaxPendingAttachmentBytes: 100}, withNamespaces, func(t *testing.T, ts *testServer, dial func() *testClient) {
		a, b, c := dial(), dial(), dial()
		for _, c := range []*testClient{a, b, c} {
			c.connect("", "")
		}
		const packet = `52-["message",{"_placeholder":true,"num":0}]`
		part := "b:" + strings.Repeat("x", 60)
		a.send(packet, part)
		waitUntil(t, "the part is there", func() bool { return ts.io.Partial() == 60 })
		b.sendIgnoringErrors(packet, part) // together over the limit
		b.expectClosed()
		a.send("b:")
		a.expect(`51-["message-back",{"_placeholder":true,"num":0}]`, part)
		c.send(packet, part, "b:") // below the limit again
		c.expect(`51-["message-back",{"_placeholder":true,"num":0}]`, part)
	})
}

func TestReconnectingClientIsBounded(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	ts := startServer(t, socketio.Options{MaxNamespaces: 2}, func(io *socketio.Server) {
		io.OnConnection(func(*socketio.Socket) { <-gate })
		io.Of("/a")
		io.Of("/b")
	})
	c := ts.dial("websocket")
	for range 4 {
		c.connect("", "")
		c.send(`1`)
	}
	c.send(`0`)
	c.expect(`4{"message":"too many namespaces"}`)
	close(gate)
	for range 4 {
		receive(t, ts.disconnects)
	}
	for _, name := range []string{"", "/a"} {
		waitUntil(t, "handlers have returned", func() bool {
			c.send("0" + name)
			return !strings.HasPrefix(c.read(), "4")
		})
	}
	c.send(`0/b`)
	c.expect(`4/b,{"message":"too many namespaces"}`)
}

func TestDisconnectKeepsOtherNamespaces(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{}, withNamespaces, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		first := c.connect("", "")
		c.connect("/custom", "")
		c.send(`1`)
		if r := receive(t, ts.disconnects); r != socketio.ClientDisconnect {
			t.Errorf("disconnected for %q, want %q", r, socketio.ClientDisconnect)
		}
		c.send(`2/custom,["message"]`)
		c.expect(`2/custom,["message-back"]`)
		if again := c.connect("", ""); again.SID == first.SID {
			t.Error("the socket came back with its old id")
		}
		c.send(`2["message"]`)
		c.expect(`2["message-back"]`)
		_ = c.post("1")
		if r := receive(t, ts.disconnects); r != socketio.TransportClose {
			t.Errorf("disconnected for %q, want %q", r, socketio.TransportClose)
		}
	})
}

func TestPingTimeoutDisconnects(t *testing.T) {
	t.Parallel()
	o := socketio.Options{Engine: engineio.Options{PingInterval: 500 * time.Millisecond, PingTimeout: 4500 * time.Millisecond}}
	forEachTransport(t, o, nil, func(t *testing.T, ts *testServer, dial func() *testClient) {
		c := dial()
		c.ignorePings.Store(true)
		c.connect("", "")
		c.expectClosed()
		if r := receive(t, ts.disconnects); r != socketio.PingTimeout {
			t.Errorf("disconnected for %q, want %q", r, socketio.PingTimeout)
		}
	})
}

// A client that is in no namespace is unknown to the program, so it may hold little:
// neither many answers nor long messages.
func TestAClientWithoutNamespaceIsBounded(t *testing.T) {
	t.Parallel()
	forEachTransport(t, socketio.Options{MaxNamespaces: 10}, withNamespaces, func(t *testing.T, _ *testServer, dial func() *testClient) {
		flood := dial()
		flood.sendIgnoringErrors(slices.Repeat([]string{"0/n,"}, 1000)...)
		receive(t, flood.closed)
		large := dial()
		large.sendIgnoringErrors(`0/n,{"token":"` + strings.Repeat("x", 500_000) + `"}`)
		receive(t, large.closed)
		dial().connect("", "")
	})
}
