package websocket_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/websocket"
)

// TestProtocol is RFC 6455 as a client sees it. Each case runs twice: with all
// bytes in one write, and byte by byte.
func TestProtocol(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{MaxMessage: 100_000}, newEcho(nil))
	big := strings.Repeat("x", 70_000)
	type want struct {
		first   byte
		payload string
	}
	tests := map[string]struct {
		send [][]byte
		want []want
		code int // of the close frame at the end
	}{
		"text":                      {send: [][]byte{clientFrame(0x81, []byte("héllo"))}, want: []want{{0x81, "héllo"}}},
		"empty text":                {send: [][]byte{clientFrame(0x81, nil)}, want: []want{{0x81, ""}}},
		"binary of 126":             {send: [][]byte{clientFrame(0x82, make([]byte, 126))}, want: []want{{0x82, string(make([]byte, 126))}}},
		"text of 70000":             {send: [][]byte{clientFrame(0x81, []byte(big))}, want: []want{{0x81, big}}},
		"fragments":                 {send: [][]byte{clientFrame(1, []byte("a")), clientFrame(0, []byte("b")), clientFrame(0x80, []byte("c"))}, want: []want{{0x81, "abc"}}},
		"empty fragments":           {send: [][]byte{clientFrame(1, nil), clientFrame(0, nil), clientFrame(0x80, nil)}, want: []want{{0x81, ""}}},
		"ping among fragments":      {send: [][]byte{clientFrame(1, []byte("a")), clientFrame(0x89, []byte("p")), clientFrame(0x80, []byte("c"))}, want: []want{{0x8a, "p"}, {0x81, "ac"}}},
		"ten pings":                 {send: bytesTimes(10, clientFrame(0x89, []byte("p"))), want: repeat(10, want{0x8a, "p"})},
		"pong is ignored":           {send: [][]byte{clientFrame(0x8a, []byte("p")), clientFrame(0x81, []byte("a"))}, want: []want{{0x81, "a"}}},
		"ping of 125":               {send: [][]byte{clientFrame(0x89, make([]byte, 125))}, want: []want{{0x8a, string(make([]byte, 125))}}},
		"ping of 126":               {send: [][]byte{clientFrame(0x89, make([]byte, 126))}, code: websocket.ProtocolError},
		"fragmented ping":           {send: [][]byte{clientFrame(0x09, nil)}, code: websocket.ProtocolError},
		"continuation of nothing":   {send: [][]byte{clientFrame(0x80, nil)}, code: websocket.ProtocolError},
		"text within a message":     {send: [][]byte{clientFrame(1, nil), clientFrame(0x81, nil)}, code: websocket.ProtocolError},
		"continuation after end":    {send: [][]byte{clientFrame(1, nil), clientFrame(0x80, nil), clientFrame(0x80, nil)}, want: []want{{0x81, ""}}, code: websocket.ProtocolError},
		"reserved bit 1":            {send: [][]byte{clientFrame(0xc1, nil)}, code: websocket.ProtocolError},
		"reserved bit 2":            {send: [][]byte{clientFrame(0xa1, nil)}, code: websocket.ProtocolError},
		"reserved bit 3 of a ping":  {send: [][]byte{clientFrame(0x99, nil)}, code: websocket.ProtocolError},
		"opcode 3":                  {send: [][]byte{clientFrame(0x83, nil)}, code: websocket.ProtocolError},
		"opcode 11":                 {send: [][]byte{clientFrame(0x8b, nil)}, code: websocket.ProtocolError},
		"not masked":                {send: [][]byte{{0x81, 1, 'a'}}, code: websocket.ProtocolError},
		"length not in short form":  {send: [][]byte{{0x82, 0xfe, 0, 5, 0, 0, 0, 0}}, code: websocket.ProtocolError},
		"length of 2^63":            {send: [][]byte{{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, code: websocket.ProtocolError},
		"too big by its header":     {send: [][]byte{{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa1, 0, 0, 0, 0}}, code: websocket.MessageTooBig},
		"too big in fragments":      {send: [][]byte{clientFrame(2, []byte(big)), clientFrame(0x80, []byte(big))}, code: websocket.MessageTooBig},
		"bad text":                  {send: [][]byte{clientFrame(0x81, []byte("a\xff"))}, code: websocket.InvalidPayload},
		"text ends in a character":  {send: [][]byte{clientFrame(0x81, []byte("a\xc3"))}, code: websocket.InvalidPayload},
		"character over fragments":  {send: [][]byte{clientFrame(1, []byte("\xf0\x9f")), clientFrame(0x80, []byte("\x98\x80"))}, want: []want{{0x81, "😀"}}},
		"surrogate":                 {send: [][]byte{clientFrame(1, []byte("\xed\xa0")), clientFrame(0x80, []byte("\x80"))}, code: websocket.InvalidPayload},
		"close":                     {send: [][]byte{clientCloseFrame(1000, "bye")}, code: websocket.NormalClosure},
		"close without a code":      {send: [][]byte{clientFrame(0x88, nil)}, code: websocket.NoStatus},
		"close with half a code":    {send: [][]byte{clientFrame(0x88, []byte{3})}, code: websocket.ProtocolError},
		"close 1005":                {send: [][]byte{clientCloseFrame(1005, "")}, code: websocket.ProtocolError},
		"close 1004":                {send: [][]byte{clientCloseFrame(1004, "")}, code: websocket.ProtocolError},
		"close 999":                 {send: [][]byte{clientCloseFrame(999, "")}, code: websocket.ProtocolError},
		"close 1015":                {send: [][]byte{clientCloseFrame(1015, "")}, code: websocket.ProtocolError},
		"close 2999":                {send: [][]byte{clientCloseFrame(2999, "")}, code: websocket.ProtocolError},
		"close 4999":                {send: [][]byte{clientCloseFrame(4999, "x")}, code: 4999},
		"close 5000":                {send: [][]byte{clientCloseFrame(5000, "")}, code: websocket.ProtocolError},
		"close with a bad reason":   {send: [][]byte{clientCloseFrame(1000, "\xff")}, code: websocket.InvalidPayload},
		"close of 126":              {send: [][]byte{clientCloseFrame(1000, strings.Repeat("x", 124))}, code: websocket.ProtocolError},
		"nothing after a close":     {send: [][]byte{clientCloseFrame(1000, ""), clientFrame(0x81, []byte("late")), clientFrame(0x89, nil)}, code: websocket.NormalClosure},
		"close among fragments":     {send: [][]byte{clientFrame(1, []byte("a")), clientCloseFrame(1001, "")}, code: websocket.GoingAway},
		"a panic is the last thing": {send: [][]byte{clientFrame(0x81, []byte("a")), clientFrame(0x81, []byte("panic")), clientFrame(0x81, []byte("b"))}, want: []want{{0x81, "a"}}, code: websocket.InternalError},
		"so is a goexit":            {send: [][]byte{clientFrame(0x81, []byte("a")), clientFrame(0x81, []byte("goexit")), clientFrame(0x81, []byte("b"))}, want: []want{{0x81, "a"}}, code: websocket.InternalError},
	}
	for name, tt := range tests {
		for way, cut := range map[string]func([]byte) [][]byte{"at once": oneWrite, "byte by byte": byteByByte} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				p := dial(t, s.addr)
				all := bytes.Join(tt.send, nil)
				if len(all) > 1000 {
					p.send(all)
				} else {
					p.send(cut(all)...)
				}
				for _, w := range tt.want {
					p.wantFrame(w.first, w.payload)
				}
				code := tt.code
				if code == 0 {
					p.send(clientCloseFrame(1000, ""))
					code = 1000
				}
				p.wantClose(code)
			})
		}
	}
}

func oneWrite(b []byte) [][]byte { return [][]byte{b} }

func byteByByte(b []byte) [][]byte {
	var all [][]byte
	for i := range b {
		all = append(all, b[i:i+1])
	}
	return all
}

func repeat[T any](n int, v T) []T {
	var all []T
	for range n {
		all = append(all, v)
	}
	return all
}

func bytesTimes(n int, b []byte) [][]byte { return repeat(n, b) }

// TestBadTextFailsAtOnce: at the first byte that can't be right, not at the
// end of its frame or message (RFC 6455, section 8.1).
func TestBadTextFailsAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	for _, begin := range []string{"abc\xf4\x90", "\xc0", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90", "\xed\xa0", "\xf8"} {
		whole := clientFrame(0x81, []byte(begin+strings.Repeat("x", 100)))
		p := dial(t, s.addr)
		p.send(whole[:6+len(begin)]) // the rest never comes
		p.wantClose(websocket.InvalidPayload)
	}
}

// TestHandshake: who gets a WebSocket, and what the others are told.
func TestHandshake(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	good := map[string]string{
		"Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	}
	tests := map[string]struct {
		request string
		change  [2]string
		status  int
	}{
		"good":            {status: 101},
		"case of upgrade": {change: [2]string{"Upgrade", "WebSocket"}, status: 101},
		"post":            {request: "POST / HTTP/1.1", status: 400},
		"http 1.0":        {request: "GET / HTTP/1.0", status: 400},
		"no upgrade":      {change: [2]string{"Upgrade", ""}, status: 426},
		"no connection":   {change: [2]string{"Connection", "keep-alive"}, status: 400},
		"version 8":       {change: [2]string{"Sec-WebSocket-Version", "8"}, status: 426},
		"no version":      {change: [2]string{"Sec-WebSocket-Version", ""}, status: 426},
		"no key":          {change: [2]string{"Sec-WebSocket-Key", ""}, status: 400},
		"short key":       {change: [2]string{"Sec-WebSocket-Key", "AAAA"}, status: 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.request == "" {
				tt.request = "GET / HTTP/1.1"
			}
			lines := []string{tt.request, "Host: test"}
			for h, v := range good {
				if h == tt.change[0] {
					v = tt.change[1]
				}
				if v != "" {
					lines = append(lines, h+": "+v)
				}
			}
			_, resp := request(t, dialTCP(t, s.addr), lines)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if accept := resp.Header.Get("Sec-WebSocket-Accept"); tt.status == 101 && accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Errorf("Sec-WebSocket-Accept is %q (RFC 6455, section 1.3)", accept)
			}
		})
	}
}

// TestEarlyFrames: what a client sends along with its handshake is not lost.
func TestEarlyFrames(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	c := dialTCP(t, s.addr)
	p, _ := request(t, c, []string{
		"GET / HTTP/1.1", "Host: test", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + string(clientFrame(0x81, []byte("early"))) + string(clientFrame(0x81, []byte("bird"))[:4]),
	})
	p.wantFrame(0x81, "early")
}

// TestCloseByServer: the peer's frames are read until its close frame, and
// who does not answer is cut off.
func TestCloseByServer(t *testing.T) {
	t.Parallel()
	conns, ends := make(chan *websocket.Conn, 2), make(chan closeCall, 2)
	s := startServer(t, &websocket.Upgrader{}, func(c *websocket.Conn) websocket.Handler {
		conns <- c
		return &echoHandler{c, ends}
	})
	p := dial(t, s.addr)
	c := <-conns
	_ = c.Send(websocket.NewMessage(websocket.Text, []byte("last")))
	c.Close(4000, "enough")
	c.Close(4001, "not again")
	if err := c.Send(websocket.NewMessage(websocket.Text, []byte("late"))); err == nil {
		t.Error("Send after Close = nil, want an error")
	}
	p.wantFrame(0x81, "last")
	p.wantFrame(0x88, "\x0f\xa0enough")
	p.send(clientFrame(0x81, []byte("in flight")), clientCloseFrame(4000, ""))
	if _, _, err := p.readFrame(); !errors.Is(err, io.EOF) {
		t.Errorf("after both close frames came %v, want the end", err)
	}
	if end := <-ends; end.code != 4000 {
		t.Errorf("Closed(%d, %v), want 4000", end.code, end.err)
	}
}

// TestEnds: what a handler is told of the end.
func TestEnds(t *testing.T) {
	t.Parallel()
	ends := make(chan closeCall, 1)
	s := startServer(t, &websocket.Upgrader{}, newEcho(ends))
	p := dial(t, s.addr)
	p.send(clientFrame(0x81, []byte("a")))
	p.wantFrame(0x81, "a")
	_ = p.Close()
	if end := <-ends; end.code != websocket.Abnormal || end.err == nil {
		t.Errorf("after a lost connection: Closed(%d, %v), want 1006 and an error", end.code, end.err)
	}
	p = dial(t, s.addr)
	p.send(clientCloseFrame(3001, "done"))
	p.wantClose(3001)
	if end := <-ends; end.code != 3001 || !strings.Contains(end.err.Error(), "done") {
		t.Errorf("after the peer's close: Closed(%d, %v), want 3001 with its reason", end.code, end.err)
	}
}

// TestShutdown: every client is told 1001, at its turn.
func TestShutdown(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	var peers []*testClient
	for range 20 {
		peers = append(peers, dial(t, s.addr))
	}
	s.cancel()
	for _, p := range peers {
		f, payload, err := p.readFrame()
		if err != nil || f != 0x88 || closeCode(payload) != websocket.GoingAway {
			t.Fatalf("at shutdown came %#x %q, %v; want close 1001", f, payload, err)
		}
		p.send(clientCloseFrame(1001, ""))
	}
	begin := time.Now()
	s.ended.Wait()
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
}
