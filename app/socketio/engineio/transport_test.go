package engineio_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

func TestPayloadsThereAndBack(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for name, payload := range map[string]string{
		"one text":           "4hello",
		"several texts":      "4test1\x1e4test2\x1e4test3",
		"an empty text":      "4",
		"text and binary":    "4hello\x1ebAQIDBA==",
		"an empty binary":    "b",
		"one byte":           "b/w==",
		"characters":         "4žluťoučký kůň 🐎 €\x1e4\u0000\u2028",
		"a type in the text": "4b4444\x1e42",
	} {
		t.Run(name, func(t *testing.T) {
			sid := p.open()
			a := p.post(sid, payload)
			a.want(t, 200, "ok")
			if got := a.header.Get("Content-Type"); got != "text/html" {
				t.Errorf("Content-Type of the POST is %q", got)
			}
			a = p.get(sid)
			a.want(t, 200, payload)
			if a.header.Get("Content-Type") != "text/plain; charset=UTF-8" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers of the poll: %v", a.header)
			}
		})
	}
}

func TestBase64NeedsNoPadding(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	p.post(sid, "bAQIDBA\x1eb/w").want(t, 200, "ok")
	p.get(sid).want(t, 200, "bAQIDBA==\x1eb/w==")
}

func TestPacketsThatSayNothing(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	p.post(sid, "6\x1e3\x1e0\x1e5\x1e4x").want(t, 200, "ok")
	p.get(sid).want(t, 200, "4x")
}

func TestPollWaitsForAMessage(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{Open: nil})
	sid := p.open()
	for range 3 {
		got := p.startPoll(sid)
		_ = p.session(sid).Send(engineio.NewText([]byte("a"), []byte("b")), engineio.NewBinary([]byte{1}, []byte{2, 3, 4}))
		receive(t, got).want(t, 200, "4ab\x1ebAQIDBA==")
	}
}

func TestInvalidPayloadEndsTheSession(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for name, payload := range map[string]string{
		"unknown type":      "abc",
		"type 7":            "7",
		"nothing":           "",
		"an empty packet":   "4a\x1e\x1e4b",
		"a separator alone": "\x1e",
		"a separator last":  "4a\x1e",
		"bad base64":        "b!!!!",
		"cut base64":        "bA",
		"much padding":      "bAQ===",
		"bad UTF-8":         "4\xff",
	} {
		t.Run(name, func(t *testing.T) {
			sid := p.open()
			p.post(sid, payload).wantRefusal(t, 400, 3, "Bad request")
			p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
			p.session(sid).wantClosed(t, engineio.ParseError)
		})
	}
}

func TestPacketsBeforeAnInvalidOneCount(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	p.post(sid, "4a\x1ebAQ==\x1ex\x1e4b").wantRefusal(t, 400, 3, "Bad request")
	s := p.session(sid)
	s.wantClosed(t, engineio.ParseError)
	if a, b := receive(t, s.messages), receive(t, s.messages); a != "a" || b != "b:\x01" || len(s.messages) > 0 {
		t.Errorf("received %q, %q and %d more", a, b, len(s.messages))
	}
}

func TestOctetStreamIsRefused(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	p.mustRequest("POST", pollingQuery+"&sid="+sid, "4a", "Content-Type", "application/octet-stream").wantRefusal(t, 400, 3, "Bad request")
	p.session(sid).wantClosed(t, engineio.TransportError)
}

func TestTwoPollsEndTheSession(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	first := p.startPoll(sid)
	p.get(sid).wantRefusal(t, 400, 3, "Bad request")
	receive(t, first).want(t, 200, "1")
	p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	p.session(sid).wantClosed(t, engineio.TransportError)
}

// TestAbandonedPollEndsTheSession: as in the reference server, a client that
// closes the connection of its poll has ended its session, whether something
// waits for it or not.
func TestAbandonedPollEndsTheSession(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for name, leave := range map[string]func(c *net.TCPConn){
		"closed": func(c *net.TCPConn) { _ = c.Close() }, "half closed": func(c *net.TCPConn) { _ = c.CloseWrite() },
		"reset": func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			sid := p.open()
			c, err := net.Dial("tcp", p.addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			fmt.Fprintf(c, "GET /?%s&sid=%s HTTP/1.1\r\nHost: test\r\n\r\n", pollingQuery, sid)
			p.waitUntil("the poll waits", func() bool { return p.server.PollPending(sid) })
			leave(c.(*net.TCPConn))
			p.session(sid).wantClosed(t, engineio.TransportError)
			p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
		})
	}
}

func TestTwoPostsEndTheSession(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	p := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver {
		return &blockingReceiver{hold, make(chan engineio.Reason, 1)}
	}})
	sid := p.open()
	poll := p.startPoll(sid)
	first := p.requestAsync("POST", sid, "4a")
	p.waitUntil("the first is at work", func() bool { return p.server.PostActive(sid) })
	p.post(sid, "4b").wantRefusal(t, 400, 3, "Bad request")
	receive(t, poll).want(t, 200, "1")
	close(hold)
	receive(t, first)
	p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
}

// held is a receiver that is busy until told.
type blockingReceiver struct {
	release chan struct{}
	ended   chan engineio.Reason
}

func (h *blockingReceiver) Message([]byte, bool)          { <-h.release }
func (h *blockingReceiver) Closed(reason engineio.Reason) { h.ended <- reason }

func TestOtherMethodsOfASession(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	sid := p.open()
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		p.mustRequest(method, pollingQuery+"&sid="+sid, "").wantRefusal(t, 400, 3, "Bad request")
	}
	p.mustRequest("GET", "EIO=4&transport=websocket&sid="+sid, "").wantRefusal(t, 400, 3, "Bad request")
	p.mustRequest("GET", "EIO=3&transport=polling&sid="+sid, "").wantRefusal(t, 400, 5, "Unsupported protocol version")
	p.mustRequest("POST", pollingQuery+"&j=1&sid="+sid, "d=4a").wantRefusal(t, 400, 3, "JSONP polling is not supported")
	p.post(sid, "4a").want(t, 200, "ok") // none of it was the session's
	p.get(sid).want(t, 200, "4a")
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{MaxPayload: 100_000})
	fits := "4" + strings.Repeat("x", 99_999)
	for name, length := range map[string]string{"announced": "", "chunked": "chunked"} {
		t.Run(name, func(t *testing.T) {
			sid := p.open()
			send := func(body string) response {
				req, _ := http.NewRequest(http.MethodPost, "http://"+p.addr+"/?"+pollingQuery+"&sid="+sid, strings.NewReader(body))
				if length != "" {
					req.ContentLength = -1
				}
				client := http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
				resp, err := client.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				var b bytes.Buffer
				_, _ = b.ReadFrom(resp.Body)
				return response{resp.StatusCode, b.String(), resp.Header}
			}
			send(fits).want(t, 200, "ok")
			p.get(sid).want(t, 200, fits)
			send(fits+"x").wantRefusal(t, http.StatusRequestEntityTooLarge, 3, "Payload too large")
			p.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
			p.session(sid).wantClosed(t, engineio.TransportError)
		})
	}
}

func TestBodiesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{BodyLimit: 20_000})
	sid := p.open()
	p.post(sid, "4"+strings.Repeat("x", 10_000)).want(t, 200, "ok")
	a := p.post(sid, "4"+strings.Repeat("x", 30_000))
	a.wantRefusal(t, 503, 6, "Too many payloads at once")
	p.session(sid).wantClosed(t, engineio.TransportError)
	sid = p.open()
	p.post(sid, "4"+strings.Repeat("x", 10_000)).want(t, 200, "ok") // the room was given back
}

func TestNoRoomForAnotherBody(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{BodyLimit: 1})
	p.post(p.open(), "4a").wantRefusal(t, 503, 6, "Too many payloads at once")
}

func TestPostThatBreaksOff(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{})
	for name, head := range map[string]string{
		"announced": "Content-Length: 100000\r\n\r\n", "chunked": "Transfer-Encoding: chunked\r\n\r\n186A0\r\n",
	} {
		t.Run(name, func(t *testing.T) { p.abortPost(t, head) })
	}
}

// breakOff sends the beginning of a POST, and closes the connection.
func (p *testServer) abortPost(t *testing.T, head string) {
	sid := p.open()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	fmt.Fprintf(c, "POST /?%s&sid=%s HTTP/1.1\r\nHost: test\r\n%s4%s", pollingQuery, sid, head, strings.Repeat("x", 20_000))
	p.waitUntil("it is being read", func() bool { return p.server.PostActive(sid) })
	_ = c.Close()
	p.session(sid).wantClosed(t, engineio.TransportError)
	if s := p.session(sid); len(s.messages) > 0 {
		t.Errorf("half a payload was received: %q", <-s.messages)
	}
}

func TestAnswersStayWithinThePayloadLimit(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{MaxPayload: 10})
	sid := p.open()
	s := p.session(sid)
	// 4+1+5 is just right; the next 4 do not fit behind 7; 20 goes alone.
	for _, text := range []string{"abc", "abcd", "abcdef", "abc", strings.Repeat("x", 19), "y"} {
		_ = s.Send(engineio.NewText([]byte(text)))
	}
	for _, want := range []string{"4abc\x1e4abcd", "4abcdef", "4abc", "4" + strings.Repeat("x", 19), "4y"} {
		p.get(sid).want(t, 200, want)
	}
}

func TestWebSocketMessages(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{MaxPayload: 1000})
	w, sid := p.connect()
	w.send("4hello")
	w.wantPacket("4hello")
	_ = w.WriteMessage(websocket.BinaryMessage, []byte{1, 2, 3, 4})
	w.wantPacket("b:\x01\x02\x03\x04")
	w.send("4")
	w.wantPacket("4")
	_ = w.WriteMessage(websocket.BinaryMessage, nil)
	w.wantPacket("b:")
	w.send("bAQID") // the reference parser takes base64 here, too
	w.wantPacket("b:\x01\x02\x03")
	w.send("6")
	w.send("4after")
	w.wantPacket("4after")
	_ = p.session(sid).Send(engineio.NewText([]byte("x")), engineio.NewBinary([]byte("y")))
	_ = p.session(sid).SendLatest(1, engineio.NewText([]byte("z")))
	w.wantPacket("4x")
	w.wantPacket("b:y")
	w.wantPacket("4z")
	p.get(sid).wantRefusal(t, 400, 3, "Bad request")
	p.post(sid, "4a").wantRefusal(t, 400, 3, "Bad request")
	if got := p.session(sid).Transport(); got != "websocket" {
		t.Errorf("Transport() = %q", got)
	}
}

func TestInvalidPacketsOnAWebSocketEndTheSession(t *testing.T) {
	t.Parallel()
	p := startServer(t, engineio.Options{MaxPayload: 1000})
	for name, tt := range map[string]struct {
		packet string
		code   int
		reason engineio.Reason
	}{
		"unknown type":           {"abc", 1002, engineio.ParseError},
		"nothing":                {"", 1002, engineio.ParseError},
		"bad base64":             {"b!!!!", 1002, engineio.ParseError},
		"a ping from the client": {"2", 1002, engineio.TransportError},
		"bad UTF-8":              {"4\xff", 1007, engineio.TransportError},
		"over the limit":         {"4" + strings.Repeat("x", 1000), 1009, engineio.TransportError},
	} {
		t.Run(name, func(t *testing.T) {
			w, sid := p.connect()
			w.send(tt.packet)
			w.wantClose(tt.code)
			p.session(sid).wantClosed(t, tt.reason)
			p.waitUntil("the session is gone", func() bool { return !p.server.HasSession(sid) })
		})
	}
	sid := p.open()
	p.post(sid, "2").wantRefusal(t, 400, 3, "Bad request")
	p.session(sid).wantClosed(t, engineio.TransportError)
}
