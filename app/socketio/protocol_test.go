package socketio_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
)

// The rules of the protocol's own test suite, and those that it leaves out.

func withNamespaces(io *socketio.Server) {
	echo(io)
	custom := io.Of("/custom")
	echo(custom)
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
	echo(auth)
}

func TestConnect(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, withNamespaces, func(t *testing.T, _ *plant, dial func() *peer) {
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
		c.wants(`4/random,{"message":"Invalid namespace"}`)
		c.send(`0/auth,`)
		c.wants(`4/auth,{"message":"who are you?"}`)
		c.send(`0/auth,{"token":"bad"}`)
		c.wants(`4/auth,{"message":"not authorized","data":{"code":"E_AUTH","retry":false}}`)
		c.connect("/auth", `{"token":"good"}`)
		c.send(`2/auth,["message",1]`, `2/custom,["message",2]`, `2["message",3]`)
		want := map[string]bool{`2/auth,["message-back",1]`: true, `2/custom,["message-back",2]`: true, `2["message-back",3]`: true}
		for range 3 { // each socket has its own order
			if got := c.read(); !want[got] {
				t.Fatalf("got %q", got)
			} else {
				delete(want, got)
			}
		}
	})
}

func TestWhoJoinsNothingIsClosed(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{ConnectTimeout: 5 * time.Second}, withNamespaces, func(_ *testing.T, _ *plant, dial func() *peer) {
		joined := dial()
		joined.connect("", "")
		refused := dial()
		refused.send(`0/random`)
		refused.wants(`4/random,{"message":"Invalid namespace"}`)
		dial().wantsEnd()
		refused.wantsEnd()
		joined.send(`2["message"]`)
		joined.wants(`2["message-back"]`)
	})
}

func TestOutOfTurnEndsTheSession(t *testing.T) {
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
			onEach(t, socketio.Options{MaxAttachments: 3, MaxAttachmentBytes: 100}, withNamespaces, func(t *testing.T, p *plant, dial func() *peer) {
				other, c := dial(), dial()
				other.connect("", "")
				rest := packets
				if packets[0] == "0" {
					c.connect("", "")
					rest = packets[1:]
				}
				c.try(rest...)
				c.wantsEnd()
				if packets[0] == "0" {
					if r := receive(t, p.ends); r != socketio.ParseError && r != socketio.ForcedServerClose {
						t.Errorf("the socket ended for %q", r)
					}
				}
				other.send(`2["message",1]`)
				other.wants(`2["message-back",1]`)
			})
		})
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, withNamespaces, func(_ *testing.T, _ *plant, dial func() *peer) {
		c := dial()
		c.connect("", "")
		for _, args := range []string{
			`1`, `1,"2",{"3":[true]}`, `"\u20ac \ud83d\ude00 € 😀"`, `null`, `1.50e0`, `"\ud800"`, ` [ 1 , 2 ] `, `{"_placeholder":true,"num":0}`,
		} {
			c.send(`2["message",` + args + `]`)
			c.wants(`2["message-back",` + strings.TrimSpace(args) + `]`)
			c.send(`27["ask",` + args + `]`)
			c.wants(`37[` + strings.TrimSpace(args) + `]`)
		}
		c.send(`2["message"]`, `20["ask"]`, `2["nobody listens",1]`, `21["nobody listens",1]`, `2[1,2]`, `2["m\u0065ssage"]`)
		c.wants(`2["message-back"]`, `30[]`, `2["message-back"]`)
	})
}

func TestBinary(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, withNamespaces, func(_ *testing.T, _ *plant, dial func() *peer) {
		c := dial()
		c.connect("", "")
		c.connect("/custom", "")
		c.send(`52-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
		c.wants(`52-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
		c.send(`52-/custom,789["ask",{"x":[{"num":1,"_placeholder":true}]},"y",{"_placeholder":true,"num":0}]`, "b:\x01", "b:")
		c.wants(`62-/custom,789[{"x":[{"_placeholder":true,"num":0}]},"y",{"_placeholder":true,"num":1}]`, "b:", "b:\x01")
		c.send(`50-["message"]`)
		c.wants(`2["message-back"]`)
	})
}

func TestAttachmentsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{MaxPartialBytes: 100}, withNamespaces, func(t *testing.T, p *plant, dial func() *peer) {
		a, b, c := dial(), dial(), dial()
		for _, c := range []*peer{a, b, c} {
			c.connect("", "")
		}
		const packet = `52-["message",{"_placeholder":true,"num":0}]`
		part := "b:" + strings.Repeat("x", 60)
		a.send(packet, part)
		until(t, "the part is there", func() bool { return p.io.Partial() == 60 })
		b.try(packet, part) // together too much
		b.wantsEnd()
		a.send("b:")
		a.wants(`51-["message-back",{"_placeholder":true,"num":0}]`, part)
		c.send(packet, part, "b:") // there is room again
		c.wants(`51-["message-back",{"_placeholder":true,"num":0}]`, part)
	})
}

func TestWhoComesAndGoesIsBounded(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	p := start(t, socketio.Options{MaxNamespaces: 2}, func(io *socketio.Server) {
		io.OnConnection(func(*socketio.Socket) { <-gate })
		io.Of("/a")
		io.Of("/b")
	})
	c := p.dial("websocket")
	for range 4 {
		c.connect("", "")
		c.send(`1`)
	}
	c.send(`0`)
	c.wants(`4{"message":"too many namespaces"}`)
	close(gate)
	for range 4 {
		receive(t, p.ends)
	}
	for _, name := range []string{"", "/a"} {
		until(t, "handlers have returned", func() bool {
			c.send("0" + name)
			return !strings.HasPrefix(c.read(), "4")
		})
	}
	c.send(`0/b`)
	c.wants(`4/b,{"message":"too many namespaces"}`)
}

func TestDisconnectLeavesTheOtherNamespaces(t *testing.T) {
	t.Parallel()
	onEach(t, socketio.Options{}, withNamespaces, func(t *testing.T, p *plant, dial func() *peer) {
		c := dial()
		first := c.connect("", "")
		c.connect("/custom", "")
		c.send(`1`)
		if r := receive(t, p.ends); r != socketio.ClientDisconnect {
			t.Errorf("disconnected for %q, want %q", r, socketio.ClientDisconnect)
		}
		c.send(`2/custom,["message"]`)
		c.wants(`2/custom,["message-back"]`)
		if again := c.connect("", ""); again.SID == first.SID {
			t.Error("the socket came back with its old id")
		}
		c.send(`2["message"]`)
		c.wants(`2["message-back"]`)
		_ = c.post("1")
		if r := receive(t, p.ends); r != socketio.TransportClose {
			t.Errorf("disconnected for %q, want %q", r, socketio.TransportClose)
		}
	})
}

func TestPingTimeoutDisconnects(t *testing.T) {
	t.Parallel()
	o := socketio.Options{Engine: engineio.Options{PingInterval: 500 * time.Millisecond, PingTimeout: 4500 * time.Millisecond}}
	onEach(t, o, nil, func(t *testing.T, p *plant, dial func() *peer) {
		c := dial()
		c.mute.Store(true)
		c.connect("", "")
		c.wantsEnd()
		if r := receive(t, p.ends); r != socketio.PingTimeout {
			t.Errorf("disconnected for %q, want %q", r, socketio.PingTimeout)
		}
	})
}
