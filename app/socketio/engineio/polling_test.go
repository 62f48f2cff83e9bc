package engineio_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio/engineio"
)

func TestPayloadRoundTrip(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
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
			sid := ts.open()
			a := ts.post(sid, payload)
			a.want(t, 200, "ok")
			if got := a.header.Get("Content-Type"); got != "text/html" {
				t.Errorf("Content-Type of the POST is %q", got)
			}
			a = ts.get(sid)
			a.want(t, 200, payload)
			if a.header.Get("Content-Type") != "text/plain; charset=UTF-8" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers of the poll: %v", a.header)
			}
		})
	}
}

func TestBase64WithoutPadding(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	ts.post(sid, "bAQIDBA\x1eb/w").want(t, 200, "ok")
	ts.get(sid).want(t, 200, "bAQIDBA==\x1eb/w==")
}

func TestMeaninglessPacketsAreIgnored(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	ts.post(sid, "6\x1e3\x1e0\x1e5\x1e4x").want(t, 200, "ok")
	ts.get(sid).want(t, 200, "4x")
}

func TestPollWaitsForAMessage(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{Open: nil})
	sid := ts.open()
	for range 3 {
		got := ts.startPoll(sid)
		_ = ts.session(sid).Send(engineio.NewText([]byte("a"), []byte("b")), engineio.NewBinary([]byte{1}, []byte{2, 3, 4}))
		receive(t, got).want(t, 200, "4ab\x1ebAQIDBA==")
	}
}

func TestInvalidPayloadClosesSession(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for name, payload := range map[string]string{
		"unknown type":       "abc",
		"type 7":             "7",
		"empty":              "",
		"an empty packet":    "4a\x1e\x1e4b",
		"only a separator":   "\x1e",
		"trailing separator": "4a\x1e",
		"invalid base64":     "b!!!!",
		"truncated base64":   "bA",
		"too much padding":   "bAQ===",
		"invalid UTF-8":      "4\xff",
	} {
		t.Run(name, func(t *testing.T) {
			sid := ts.open()
			ts.post(sid, payload).wantRefusal(t, 400, 3, "Bad request")
			ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
			ts.session(sid).wantClosed(t, engineio.ParseError)
		})
	}
}

// The handler of a POST with many packets may take long, and is not stuck.
func TestEachPacketOfAPostIsProgress(t *testing.T) {
	t.Parallel()
	var progress atomic.Int32
	ts := startServer(t, engineio.Options{Progress: func(*fasthttp.RequestCtx) { progress.Add(1) }})
	ts.post(ts.open(), "4a\x1e4b\x1e4c")
	if n := progress.Load(); n != 3 {
		t.Errorf("progress was reported %d times, want once for each of 3 packets", n)
	}
}

func TestPacketsBeforeInvalidPacketAreReceived(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	ts.post(sid, "4a\x1ebAQ==\x1ex\x1e4b").wantRefusal(t, 400, 3, "Bad request")
	s := ts.session(sid)
	s.wantClosed(t, engineio.ParseError)
	if a, b := receive(t, s.messages), receive(t, s.messages); a != "a" || b != "b:\x01" || len(s.messages) > 0 {
		t.Errorf("received %q, %q and %d more", a, b, len(s.messages))
	}
}

func TestOctetStreamIsRefused(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	ts.mustRequest("POST", pollingQuery+"&sid="+sid, "4a", "Content-Type", "application/octet-stream").wantRefusal(t, 400, 3, "Bad request")
	ts.session(sid).wantClosed(t, engineio.TransportError)
}

func TestConcurrentPollsCloseSession(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	first := ts.startPoll(sid)
	ts.get(sid).wantRefusal(t, 400, 3, "Bad request")
	receive(t, first).want(t, 200, "1")
	ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
	ts.session(sid).wantClosed(t, engineio.TransportError)
}

// As in the reference server, a client that closes the connection of its poll
// closes its session.
func TestDisconnectedPollClosesSession(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for name, leave := range map[string]func(c *net.TCPConn){
		"closed": func(c *net.TCPConn) { _ = c.Close() }, "half closed": func(c *net.TCPConn) { _ = c.CloseWrite() },
		"reset": func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			sid := ts.open()
			c, err := net.Dial("tcp", ts.addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			fmt.Fprintf(c, "GET /?%s&sid=%s HTTP/1.1\r\nHost: test\r\n\r\n", pollingQuery, sid)
			ts.waitUntil("the poll is waiting", func() bool { return ts.server.PollPending(sid) })
			leave(c.(*net.TCPConn))
			ts.session(sid).wantClosed(t, engineio.TransportError)
			ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
		})
	}
}

func TestConcurrentPostsCloseSession(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	ts := startServer(t, engineio.Options{Open: func(*engineio.Session) engineio.Receiver {
		return &blockingReceiver{hold, make(chan engineio.Reason, 1)}
	}})
	sid := ts.open()
	poll := ts.startPoll(sid)
	first := ts.requestAsync("POST", sid, "4a")
	ts.waitUntil("the first POST is being handled", func() bool { return ts.server.PostActive(sid) })
	ts.post(sid, "4b").wantRefusal(t, 400, 3, "Bad request")
	receive(t, poll).want(t, 200, "1")
	close(hold)
	receive(t, first)
	ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
}

// blockingReceiver blocks in Message until released.
type blockingReceiver struct {
	release chan struct{}
	ended   chan engineio.Reason
}

func (h *blockingReceiver) Message([]byte, bool) { <-h.release }

func (h *blockingReceiver) Closed(reason engineio.Reason) { h.ended <- reason }

func TestUnsupportedRequestsOfSession(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		ts.mustRequest(method, pollingQuery+"&sid="+sid, "").wantRefusal(t, 400, 3, "Bad request")
	}
	ts.mustRequest("GET", "EIO=4&transport=websocket&sid="+sid, "").wantRefusal(t, 400, 3, "Bad request")
	ts.mustRequest("GET", "EIO=3&transport=polling&sid="+sid, "").wantRefusal(t, 400, 5, "Unsupported protocol version")
	ts.mustRequest("POST", pollingQuery+"&j=1&sid="+sid, "d=4a").wantRefusal(t, 400, 3, "JSONP polling is not supported")
	ts.post(sid, "4a").want(t, 200, "ok") // the session is unaffected
	ts.get(sid).want(t, 200, "4a")
}

func TestMaxPayload(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{MaxPayload: 100_000})
	fits := "4" + strings.Repeat("x", 99_999)
	for name, length := range map[string]string{"announced": "", "chunked": "chunked"} {
		t.Run(name, func(t *testing.T) {
			sid := ts.open()
			send := func(body string) response {
				req, _ := http.NewRequest(http.MethodPost, "http://"+ts.addr+"/?"+pollingQuery+"&sid="+sid, strings.NewReader(body))
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
			ts.get(sid).want(t, 200, fits)
			send(fits+"x").wantRefusal(t, http.StatusRequestEntityTooLarge, 3, "Payload too large")
			ts.get(sid).wantRefusal(t, 400, 1, "Session ID unknown")
			ts.session(sid).wantClosed(t, engineio.TransportError)
		})
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{BodyLimit: 20_000})
	sid := ts.open()
	ts.post(sid, "4"+strings.Repeat("x", 10_000)).want(t, 200, "ok")
	a := ts.post(sid, "4"+strings.Repeat("x", 30_000))
	a.wantRefusal(t, 503, 6, "Too many payloads at once")
	ts.session(sid).wantClosed(t, engineio.TransportError)
	sid = ts.open()
	ts.post(sid, "4"+strings.Repeat("x", 10_000)).want(t, 200, "ok") // the memory was released
}

func TestBodyLimitBelowFirstBuffer(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{BodyLimit: 1})
	ts.post(ts.open(), "4a").wantRefusal(t, 503, 6, "Too many payloads at once")
}

func TestTruncatedPostClosesSession(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for name, head := range map[string]string{
		"announced": "Content-Length: 100000\r\n\r\n", "chunked": "Transfer-Encoding: chunked\r\n\r\n186A0\r\n",
	} {
		t.Run(name, func(t *testing.T) { ts.abortPost(t, head) })
	}
}

// abortPost sends the beginning of a POST and closes the connection.
func (ts *testServer) abortPost(t *testing.T, head string) {
	sid := ts.open()
	c, err := net.Dial("tcp", ts.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	fmt.Fprintf(c, "POST /?%s&sid=%s HTTP/1.1\r\nHost: test\r\n%s4%s", pollingQuery, sid, head, strings.Repeat("x", 20_000))
	ts.waitUntil("the POST is being read", func() bool { return ts.server.PostActive(sid) })
	_ = c.Close()
	ts.session(sid).wantClosed(t, engineio.TransportError)
	if s := ts.session(sid); len(s.messages) > 0 {
		t.Errorf("received %q of a truncated payload", <-s.messages)
	}
}

func TestResponsesStayWithinMaxPayload(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{MaxPayload: 10})
	sid := ts.open()
	s := ts.session(sid)
	// 4+1+5 fit exactly; the next 4 do not fit after 7; 20 is sent alone.
	for _, text := range []string{"abc", "abcd", "abcdef", "abc", strings.Repeat("x", 19), "y"} {
		_ = s.Send(engineio.NewText([]byte(text)))
	}
	for _, want := range []string{"4abc\x1e4abcd", "4abcdef", "4abc", "4" + strings.Repeat("x", 19), "4y"} {
		ts.get(sid).want(t, 200, want)
	}
}
