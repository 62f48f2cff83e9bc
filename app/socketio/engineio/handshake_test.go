package engineio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio/engineio"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{
		PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 1_000_000,
	})
	check := func(packet string, upgrades []any) {
		t.Helper()
		var open map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(packet, "0")), &open); err != nil {
			t.Fatalf("%q: %v", packet, err)
		}
		sid, _ := open["sid"].(string)
		delete(open, "sid")
		want := map[string]any{"upgrades": upgrades, "pingInterval": 300.0, "pingTimeout": 200.0, "maxPayload": 1e6}
		if len(sid) != 20 || !reflect.DeepEqual(open, want) {
			t.Errorf("the open packet is %q", packet)
		}
	}
	a := ts.mustRequest("GET", pollingQuery, "")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/plain; charset=UTF-8" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("response %d, %v", a.status, a.header)
	}
	check(a.body, []any{"websocket"})
	check(ts.dial("").read(), []any{})
}

// The kernel distributes the connections of one session over all workers.
func TestSessionIsServedByAllWorkers(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	sid := ts.open()
	served := func() (workers, busy int) {
		st, err := ts.sup.Status()
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range st.Workers {
			if w.Requests > 0 {
				busy++
			}
		}
		return len(st.Workers), busy
	}
	for i := 0; ; i++ {
		ts.post(sid, fmt.Sprint("4", i)).want(t, 200, "ok")
		ts.get(sid).want(t, 200, fmt.Sprint("4", i))
		if workers, busy := served(); busy == workers && i >= 20 {
			break
		} else if i == 1000 {
			t.Fatalf("%d of %d workers served requests", busy, workers)
		}
	}
	w := ts.dial(sid)
	w.send("2probe")
	w.wantPacket("3probe")
	ts.get(sid).want(t, 200, "6")
	w.send("5")
	w.send("4here")
	w.wantPacket("4here")
}

func TestDisabledUpgradesAreNotOffered(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]engineio.Options{
		"no upgrades": {NoUpgrades: true}, "no WebSocket": {NoWebSocket: true},
	} {
		if a := startServer(t, o).mustRequest("GET", pollingQuery, ""); !strings.Contains(a.body, `"upgrades":[]`) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

// refusedRequests are handshakes that are refused on every transport.
var refusedRequests = map[string]struct {
	method, query string
	code          int
	message       string
}{
	"no transport":            {"GET", "EIO=4", 0, "Transport unknown"},
	"unknown transport":       {"GET", "EIO=4&transport=abc", 0, "Transport unknown"},
	"webtransport":            {"GET", "EIO=4&transport=webtransport", 0, "Transport unknown"},
	"unknown session":         {"GET", pollingQuery + "&sid=abc", 1, "Session ID unknown"},
	"unknown session of POST": {"POST", pollingQuery + "&sid=abc", 1, "Session ID unknown"},
	"POST as a handshake":     {"POST", pollingQuery, 2, "Bad handshake method"},
	"PUT as a handshake":      {"PUT", pollingQuery, 2, "Bad handshake method"},
	"DELETE as a handshake":   {"DELETE", pollingQuery, 2, "Bad handshake method"},
	"no WebSocket handshake":  {"GET", "EIO=4&transport=websocket", 3, "Bad request"},
	"JSONP":                   {"GET", pollingQuery + "&j=0", 3, "JSONP polling is not supported"},
	"no protocol":             {"GET", "transport=polling", 5, "Unsupported protocol version"},
	"protocol 3":              {"GET", "EIO=3&transport=polling", 5, "Unsupported protocol version"},
	"protocol abc":            {"GET", "EIO=abc&transport=polling", 5, "Unsupported protocol version"},
}

func TestBadHandshakes(t *testing.T) {
	t.Parallel()
	type refusedCall struct {
		query   string
		code    int
		message string
	}
	calls := make(chan refusedCall, 100)
	ts := startServer(t, engineio.Options{Refused: func(ctx *fasthttp.RequestCtx, code int, message string) {
		calls <- refusedCall{string(ctx.QueryArgs().QueryString()), code, message}
	}})
	for name, tt := range refusedRequests {
		t.Run(name, func(t *testing.T) {
			a := ts.mustRequest(tt.method, tt.query, "")
			a.wantRefusal(t, http.StatusBadRequest, tt.code, tt.message)
			if got := receive(t, calls); got != (refusedCall{tt.query, tt.code, tt.message}) {
				t.Errorf("Refused(%+v), want that of %q", got, tt.query)
			}
		})
	}
	if n := ts.server.Stats().Sessions; n != 0 {
		t.Errorf("Stats().Sessions = %d, want 0", n)
	}
}

func TestBadWebSocketHandshakes(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	for name, query := range map[string]string{
		"no transport": "EIO=4", "unknown transport": "EIO=4&transport=abc", "polling": pollingQuery,
		"no protocol": "transport=websocket", "protocol abc": "EIO=abc&transport=websocket",
		"unknown session": "EIO=4&transport=websocket&sid=abc", "polling session": pollingQuery + "&sid=" + ts.open(),
	} {
		_, resp, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/engine.io/?"+query, nil)
		if err == nil || resp == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %v, %v; want 400", name, resp, err)
		}
	}
	if a := ts.mustRequest("GET", "EIO=4&transport=websocket", "", "Connection", "Upgrade", "Upgrade", "websocket"); a.status != http.StatusUpgradeRequired {
		t.Errorf("without a version of WebSocket: %d", a.status)
	}
}

func TestDisabledTransports(t *testing.T) {
	t.Parallel()
	only := startServer(t, engineio.Options{NoPolling: true})
	only.mustRequest("GET", pollingQuery, "").wantRefusal(t, 400, 0, "Transport unknown")
	only.connect()
	none := startServer(t, engineio.Options{NoWebSocket: true})
	none.mustRequest("GET", "EIO=4&transport=websocket", "").wantRefusal(t, 400, 0, "Transport unknown")
	stay := startServer(t, engineio.Options{NoUpgrades: true})
	sid := stay.open()
	if _, resp, err := websocket.DefaultDialer.Dial("ws://"+stay.addr+"/?EIO=4&transport=websocket&sid="+sid, nil); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("upgrade with NoUpgrades: %v", err)
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{Allow: func(ctx *fasthttp.RequestCtx) error {
		if string(ctx.QueryArgs().Peek("key")) == "good" {
			return nil
		}
		return errors.New(`no "key"`)
	}})
	ts.mustRequest("GET", pollingQuery, "").wantRefusal(t, http.StatusForbidden, 4, `no "key"`)
	if _, resp, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/?EIO=4&transport=websocket", nil); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a WebSocket without the key: %v", err)
	}
	sid := sidOf(t, ts.mustRequest("GET", pollingQuery+"&key=good", "").body)
	ts.post(sid, "4in").want(t, 200, "ok") // Allow is called for new sessions only
}

func TestHandshakeRequest(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{Secure: func(*fasthttp.RequestCtx) bool { return true }})
	before := time.Now()
	sid := sidOf(t, ts.mustRequest("GET", pollingQuery+"&b=1&a=x%20y&a=2", "", "X-One", "eins: zwei", "Origin", "http://a.test", "X-Two", "1", "X-Two", "2").body)
	h := ts.session(sid).Handshake()
	if got := h.Query(); got.Get("b") != "1" || !reflect.DeepEqual(got["a"], []string{"x y", "2"}) {
		t.Errorf("Query() = %v", got)
	}
	if got := h.URL(); got != "/engine.io/?"+pollingQuery+"&b=1&a=x%20y&a=2" {
		t.Errorf("URL() = %q", got)
	}
	if h.Header("x-one") != "eins: zwei" || h.Header("X-None") != "" || h.Origin() != "http://a.test" {
		t.Errorf("Header: %q, %q, %q", h.Header("x-one"), h.Header("X-None"), h.Origin())
	}
	all := h.Headers()
	if !reflect.DeepEqual(all["x-two"], []string{"1", "2"}) || !reflect.DeepEqual(all["host"], []string{ts.addr}) {
		t.Errorf("Headers() = %v", all)
	}
	if h.RemoteAddr() != "127.0.0.1" || !h.Secure() || h.Time().Before(before) || h.Time().After(time.Now()) {
		t.Errorf("address %q, secure %t, time %v", h.RemoteAddr(), h.Secure(), h.Time())
	}
	_, sid = ts.connect()
	if h := ts.session(sid).Handshake(); h.Header("Upgrade") != "websocket" || h.Query().Get("transport") != "websocket" {
		t.Errorf("of a WebSocket: %v", h.Headers())
	}
}

func TestSessionIDsAreRandom(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{})
	seen := map[string]bool{}
	for range 50 {
		sid := ts.open()
		if len(sid) != 20 || strings.Trim(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || seen[sid] {
			t.Fatalf("session id %q", sid)
		}
		seen[sid] = true
	}
}

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{MaxSessions: 2})
	sid := ts.open()
	w, _ := ts.connect()
	a := ts.mustRequest("GET", pollingQuery, "")
	a.wantRefusal(t, http.StatusServiceUnavailable, 6, "Too many sessions")
	if a.header.Get("Retry-After") == "" {
		t.Error("Retry-After is missing")
	}
	if _, resp, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/?EIO=4&transport=websocket", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a WebSocket too many: %v", err)
	}
	ts.upgrade(sid).send("1") // an upgrade takes no place, a close frees one
	w.send("1")
	ts.waitUntil("both sessions are removed", func() bool { return ts.server.Stats().Sessions == 0 })
	ts.open()
	ts.open()
}

func TestAllowUpgrade(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{AllowUpgrade: func() bool { return false }})
	for _, query := range []string{"", "&sid=" + ts.open()} {
		_, resp, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/?EIO=4&transport=websocket"+query, nil)
		if err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%v, %v; want 503 with Retry-After", resp, err)
		}
	}
}
