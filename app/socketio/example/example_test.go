package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// testTimeout bounds every wait. Only failing tests use it up.
const testTimeout = time.Minute

// startServer runs the program on a free port until the test ends. Clients
// need not answer pings or join a namespace.
func startServer(t *testing.T, args ...string) (addr string) {
	t.Helper()
	s, err := parseSettings(append([]string{"-port", "0", "-ping-interval", "1h", "-connect-timeout", "1h"}, args...), func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, s, slog.New(slog.DiscardHandler), func(addr string) { ready <- addr }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the program ended with %v", err)
		}
	})
	select {
	case addr = <-ready:
	case <-time.After(testTimeout):
		t.Fatal("the program does not get ready")
	}
	return addr
}

// client is a Socket.IO client that sends and receives packets as text.
type client struct {
	t    *testing.T
	conn *websocket.Conn
	sid  string
	next int
}

func dial(t *testing.T, addr, path string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.NetConn().Close() })
	_ = conn.SetReadDeadline(time.Now().Add(testTimeout))
	return conn
}

func connect(t *testing.T, addr, auth string) *client {
	t.Helper()
	c := &client{t: t, conn: dial(t, addr, "/socket.io/?EIO=4&transport=websocket&bench=1")}
	c.read()
	c.send("40" + auth)
	var welcome struct{ Sid string }
	if err := json.Unmarshal([]byte(c.read()[2:]), &welcome); err != nil {
		t.Fatal(err)
	}
	c.sid = welcome.Sid
	if auth == "" {
		auth = "{}"
	}
	c.expect(`42["auth",` + auth + `]`)
	return c
}

func (c *client) send(packet string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
		c.t.Fatalf("send %q: %v", packet, err)
	}
}

func (c *client) read() string {
	c.t.Helper()
	_, data, err := c.conn.ReadMessage()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return string(data)
}

func (c *client) expect(packets ...string) {
	c.t.Helper()
	for _, want := range packets {
		if got := c.read(); got != want {
			c.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// expectAck sends an event and fails the test unless the acknowledgement is
// want. {sid} stands for the id of the client.
func (c *client) expectAck(event, args, want string) {
	c.t.Helper()
	c.next++
	packet := fmt.Sprintf(`42%d[%q]`, c.next, event)
	if args != "" {
		packet = fmt.Sprintf(`42%d[%q,%s]`, c.next, event, args)
	}
	c.send(strings.ReplaceAll(packet, "{sid}", c.sid))
	got, found := strings.CutPrefix(c.read(), fmt.Sprintf(`43%d`, c.next))
	want = "[" + strings.ReplaceAll(want, "{sid}", c.sid) + "]"
	var g, w any
	if !found || json.Unmarshal([]byte(got), &g) != nil || json.Unmarshal([]byte(want), &w) != nil || !reflect.DeepEqual(g, w) {
		c.t.Fatalf("%s acknowledged %s, want %s", packet, got, want)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	addr := startServer(t)
	c := connect(t, addr, `{"tag":"x"}`)
	c.send(`42["message",1,{"a":null}]`)
	c.expect(`42["message-back",1,{"a":null}]`)
	c.send(`42["echo",{"a":1}]`)
	c.expect(`42["echo",{"a":1}]`)
	c.send(`42["publish","p"]`)
	c.expect(`42["msg","p"]`)
	c.expectAck("message-with-ack", `1,"2"`, `1,"2"`)
	c.send(`4299["no-ack"]`)
	for _, name := range []string{"join", "leave"} {
		rooms := sorted([]string{c.sid, "bench"})
		if name == "join" {
			rooms = sorted(append(rooms, "a"))
		}
		list, _ := json.Marshal(rooms)
		c.expectAck(name, `"a"`, string(list))
	}
	rooms, _ := json.Marshal(sorted([]string{c.sid, "bench"}))
	c.expectAck("info", ``, `{"id":"{sid}","rooms":`+string(rooms)+`,"auth":{"tag":"x"},"data":{"tag":"x"},"transport":"websocket","recovered":false,`+
		`"query":{"EIO":"4","transport":"websocket","bench":"1"}}`)
	c.expectAck("fetch-sockets", `"bench"`, `[{"id":"{sid}","rooms":`+string(rooms)+`,"data":{"tag":"x"},"auth":{"tag":"x"}}]`)
	c.expectAck("fetch-sockets", `"nobody"`, `[]`)
	c.expectAck("server-count", ``, `1`)
	c.expectAck("server-side-emit", `[1]`, `"ok"`)
	c.expectAck("server-side-ask", `[1]`, `{"err":null,"res":[]}`)
	c.expectAck("sockets-join", `"bench","z"`, `"ok"`)
	c.expectAck("sockets-leave", `{"room":["bench"],"except":"nobody"},"bench"`, `"ok"`)
	rooms, _ = json.Marshal(sorted([]string{c.sid, "z"}))
	c.expectAck("leave", `"none"`, string(rooms))
	c.expectAck("ask-room", `{"via":"io","room":"nobody","event":"q","timeout":100}`, `{"err":null,"res":[]}`)
	c.send(`421000["ask-room",{"via":"io","room":"z","event":"q","args":[1],"timeout":10000}]`)
	c.expect(`421["q",1]`)
	c.send(`431[{"a":1},2]`)
	c.expect(`431000[{"err":null,"res":[{"a":1}]}]`)
	c.send(`421001["server-ask",10000,"p"]`)
	c.expect(`422["ask","p"]`)
	c.send(`432[1,2]`)
	c.expect(`431001[{"err":null,"res":[1,2]}]`)
	c.send(`421002["server-ask",1,"p"]`)
	c.expect(`423["ask","p"]`, `431002[{"err":"operation has timed out","res":[]}]`)
	c.send(`42["blast",2]`)
	c.expect(`42["blast-item",0]`, `42["blast-item",1]`)
	c.send(`42["seq",1]`)
	c.send(`42["seq",{"x":2}]`)
	c.expectAck("seq-report", ``, `[1,{"x":2}]`)
	c.send(`42["volatile",1]`)
	for got := c.read(); got != `42["vol-end",1]`; got = c.read() {
		if got != `42["vol",0]` {
			t.Fatalf("got %q", got)
		}
	}
	c.send(`42["kick"]`)
	c.expect(`41`)
}

func TestSendSelectsReceivers(t *testing.T) {
	t.Parallel()
	addr := startServer(t)
	a, b := connect(t, addr, ""), connect(t, addr, "")
	for args, want := range map[string][2]bool{
		`"via":"io","room":"bench"`:                              {true, true},
		`"via":"io","room":null,"local":true`:                    {true, true},
		`"via":"io","room":["` + b.sid + `"]`:                    {false, true},
		`"via":"io","room":"bench","except":"` + b.sid + `"`:     {true, false},
		`"via":"io","room":"bench","except":["` + a.sid + `"]`:   {false, true},
		`"via":"socket","room":"bench"`:                          {false, true},
		`"via":"socket"`:                                         {false, true},
		`"room":"bench"`:                                         {false, true}, // as from the socket
		`"room":null`:                                            {false, true},
		`"via":"socket","room":["none","` + b.sid + `","bench"]`: {false, true},
	} {
		a.next++
		a.send(fmt.Sprintf(`42%d["send",{%s,"event":"e","args":["x",1]}]`, a.next, args))
		if want[0] {
			a.expect(`42["e","x",1]`)
		}
		a.expect(fmt.Sprintf(`43%d["sent"]`, a.next))
		if want[1] {
			b.expect(`42["e","x",1]`)
		}
	}
	a.expectAck("disconnect-sockets", `"`+b.sid+`",true`, `"ok"`)
	b.expect(`41`)
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	c := connect(t, startServer(t), "")
	c.send(`40/custom,{"a":1}`)
	if got := c.read(); !strings.HasPrefix(got, `40/custom,{"sid":`) {
		t.Errorf("got %q, want the answer to a connect", got)
	}
	c.expect(`42/custom,["auth",{"a":1}]`)
	c.send(`40/auth,{"token":"bad"}`)
	c.expect(`44/auth,{"message":"not authorized","data":{"code":"E_AUTH","retry":false}}`)
	c.send(`40/nowhere,`)
	c.expect(`44/nowhere,{"message":"Invalid namespace"}`)
	c.send(`40/auth,{"token":"good"}`)
	if got := c.read(); !strings.HasPrefix(got, `40/auth,{"sid":`) {
		t.Errorf("got %q, want the answer to a connect", got)
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	addr := startServer(t, "-recovery")
	conn := dial(t, addr, "/socket.io/?EIO=4&transport=websocket")
	c := &client{t: t, conn: conn}
	c.read()
	c.send("40")
	var w struct{ Sid, Pid string }
	if err := json.Unmarshal([]byte(c.read()[2:]), &w); err != nil || w.Pid == "" {
		t.Fatalf("no pid: %v", err)
	}
	var event []any
	if err := json.Unmarshal([]byte(c.read()[2:]), &event); err != nil || len(event) != 3 {
		t.Fatalf("got %v, want the event with its offset", event)
	}
	c.send(`42["drop-transport"]`)
	if _, _, err := conn.ReadMessage(); err == nil {
		t.Fatal("the session goes on")
	}
	again := &client{t: t, conn: dial(t, addr, "/socket.io/?EIO=4&transport=websocket")}
	again.read()
	again.send(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, w.Pid, event[2]))
	again.expect(fmt.Sprintf(`40{"sid":%q,"pid":%q}`, w.Sid, w.Pid))
}

func TestEchoes(t *testing.T) {
	t.Parallel()
	addr := startServer(t, "-ws-limit", "1KiB")
	conn := dial(t, addr, "/echo")
	for kind, data := range map[int]string{websocket.TextMessage: "é", websocket.BinaryMessage: "\xff"} {
		if err := conn.WriteMessage(kind, []byte(data)); err != nil {
			t.Fatal(err)
		}
		if k, got, err := conn.ReadMessage(); err != nil || k != kind || string(got) != data {
			t.Errorf("got %d %q, %v, want %d %q", k, got, err, kind, data)
		}
	}
	_ = conn.WriteMessage(websocket.TextMessage, make([]byte, 1025))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("over the limit: %v, want 1009", err)
	}
	c := &client{t: t, conn: dial(t, addr, "/engine.io/?EIO=4&transport=websocket")}
	c.read()
	c.send("4hello")
	c.expect("4hello")
}

func TestPage(t *testing.T) {
	t.Parallel()
	addr := startServer(t)
	for url, want := range map[string]string{
		addr + "/":                           "<title>",
		addr + "/socket.io/socket.io.js":     "Released under the MIT License",
		addr + "/socket.io/socket.io.min.js": "Released under the MIT License",
		addr + "/socket.io/socket.io../x":    "Transport unknown",
		addr + "/socket.iox":                 "not found",
		addr + "/elsewhere":                  "not found",
	} {
		resp, err := http.Get("http://" + url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("GET %s = %.100q, want %q", url, body, want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PORT": "80", "PING_INTERVAL": "300", "RECOVERY": "1", "WS_LIMIT": "2MiB", "REDIS_KEY": "k", "HOST": "::1"}
	s, err := parseSettings([]string{"-ping-interval", "2s", "-ping-timeout=200ms", "-max-payload", "5"}, func(name string) string { return env[name] }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		host: "::1", port: 80, pingInterval: 2 * time.Second, pingTimeout: 200 * time.Millisecond, connectTimeout: time.Second,
		maxPayload: 5, wsLimit: 2 << 20, recovery: true, redisKey: "k", requestsTimeout: 2 * time.Second,
	}
	if s != want {
		t.Errorf("parseSettings() = %+v, want %+v", s, want)
	}
	for _, args := range [][]string{{"-port", "x"}, {"-port", "70000"}, {"-ping-interval", "-1s"}, {"-ws-limit", "0"}, {"-recovery=perhaps"}, {"more"}, {"-none"}} {
		if _, err := parseSettings(args, func(string) string { return "" }, io.Discard); err == nil {
			t.Errorf("parseSettings(%v): no error", args)
		}
	}
	if _, err := parseSettings(nil, func(name string) string { return map[string]string{"PORT": "x"}[name] }, io.Discard); err == nil {
		t.Error("parseSettings with PORT=x: no error")
	}
}
