package engineio_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

const allowedOrigin = "http://plant.test"

func allowOnlyOrigin(origin []byte) bool { return string(origin) == allowedOrigin }

func TestAllowedOrigin(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{AllowOrigin: allowOnlyOrigin})
	sid := ts.open()
	for name, a := range map[string]response{
		"handshake": ts.mustRequest("GET", pollingQuery, "", "Origin", allowedOrigin),
		"POST":      ts.mustRequest("POST", pollingQuery+"&sid="+sid, "4a", "Origin", allowedOrigin),
		"poll":      ts.mustRequest("GET", pollingQuery+"&sid="+sid, "", "Origin", allowedOrigin),
		"a refusal": ts.mustRequest("GET", pollingQuery+"&sid=unknown", "", "Origin", allowedOrigin),
	} {
		h := a.header
		if h.Get("Access-Control-Allow-Origin") != allowedOrigin || h.Get("Access-Control-Allow-Credentials") != "true" || !slices.Contains(h.Values("Vary"), "Origin") {
			t.Errorf("%s: %v", name, h)
		}
	}
}

func TestMissingOriginIsAllowed(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{AllowOrigin: func([]byte) bool { return false }})
	a := ts.mustRequest("GET", pollingQuery, "")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") != "Origin" {
		t.Errorf("response %d, %v", a.status, a.header)
	}
	ts.connect()
}

func TestForbiddenOrigin(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{AllowOrigin: allowOnlyOrigin})
	sid := ts.open()
	for _, method := range []string{"GET", "POST", "OPTIONS"} {
		for _, query := range []string{pollingQuery, pollingQuery + "&sid=" + sid} {
			a := ts.mustRequest(method, query, "", "Origin", "http://other.test")
			a.wantRefusal(t, http.StatusForbidden, 4, "Forbidden")
			if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%s %s: Access-Control-Allow-Origin: %s", method, query, got)
			}
		}
	}
	dial := func(origin string) int {
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/?EIO=4&transport=websocket", http.Header{"Origin": {origin}})
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
	if got := dial(allowedOrigin); got != http.StatusSwitchingProtocols {
		t.Errorf("a WebSocket of the page's origin: %d", got)
	}
	ts.post(sid, "4a").want(t, 200, "ok") // the session is unaffected
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{AllowOrigin: allowOnlyOrigin})
	a := ts.mustRequest("OPTIONS", pollingQuery+"&sid=whatever", "", "Origin", allowedOrigin,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-custom,authorization")
	h := a.header
	if a.status != http.StatusNoContent || a.body != "" ||
		h.Get("Access-Control-Allow-Origin") != allowedOrigin || h.Get("Access-Control-Allow-Credentials") != "true" ||
		h.Get("Access-Control-Allow-Methods") != "GET, POST" || h.Get("Access-Control-Allow-Headers") != "x-custom,authorization" ||
		!slices.Equal(h.Values("Vary"), []string{"Origin", "Access-Control-Request-Headers"}) {
		t.Errorf("response %d %q, %v", a.status, a.body, h)
	}
}
