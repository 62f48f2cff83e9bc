package engineio_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

const page = "http://plant.test"

func onlyPage(origin []byte) bool { return string(origin) == page }

func TestOriginThatIsAllowed(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{AllowOrigin: onlyPage})
	sid := p.open()
	for name, a := range map[string]answer{
		"handshake": p.ask("GET", handshake, "", "Origin", page),
		"POST":      p.ask("POST", handshake+"&sid="+sid, "4a", "Origin", page),
		"poll":      p.ask("GET", handshake+"&sid="+sid, "", "Origin", page),
		"a refusal": p.ask("GET", handshake+"&sid=unknown", "", "Origin", page),
	} {
		h := a.header
		if h.Get("Access-Control-Allow-Origin") != page || h.Get("Access-Control-Allow-Credentials") != "true" || !slices.Contains(h.Values("Vary"), "Origin") {
			t.Errorf("%s: %v", name, h)
		}
	}
}

func TestRequestsWithoutOrigin(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{AllowOrigin: func([]byte) bool { return false }})
	a := p.ask("GET", handshake, "")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") != "Origin" {
		t.Errorf("answered %d, %v", a.status, a.header)
	}
	p.connect()
}

func TestOriginThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{AllowOrigin: onlyPage})
	sid := p.open()
	for _, method := range []string{"GET", "POST", "OPTIONS"} {
		for _, query := range []string{handshake, handshake + "&sid=" + sid} {
			a := p.ask(method, query, "", "Origin", "http://other.test")
			a.refuses(t, http.StatusForbidden, 4, "Forbidden")
			if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s %s: Access-Control-Allow-Origin: %s", method, query, got)
			}
		}
	}
	dial := func(origin string) int {
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/?EIO=4&transport=websocket", http.Header{"Origin": {origin}})
		if err == nil {
			_ = c.Close()
		}
		if resp == nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	if got := dial("http://other.test"); got != http.StatusForbidden {
		t.Errorf("a WebSocket of another origin: %d", got)
	}
	if got := dial(page); got != http.StatusSwitchingProtocols {
		t.Errorf("a WebSocket of the page's origin: %d", got)
	}
	p.post(sid, "4a").wants(t, 200, "ok") // the session is none the worse
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	p := start(t, engineio.Options{AllowOrigin: onlyPage})
	a := p.ask("OPTIONS", handshake+"&sid=whatever", "", "Origin", page,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-custom,authorization")
	h := a.header
	if a.status != http.StatusNoContent || a.body != "" ||
		h.Get("Access-Control-Allow-Origin") != page || h.Get("Access-Control-Allow-Credentials") != "true" ||
		h.Get("Access-Control-Allow-Methods") != "GET, POST" || h.Get("Access-Control-Allow-Headers") != "x-custom,authorization" ||
		!slices.Equal(h.Values("Vary"), []string{"Origin", "Access-Control-Request-Headers"}) {
		t.Errorf("answered %d %q, %v", a.status, a.body, h)
	}
}
