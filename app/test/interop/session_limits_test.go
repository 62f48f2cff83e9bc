//go:build integration

package interop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// door is a product's entrance, with all of a client's ways in.
type apiServer struct {
	t     *testing.T
	p     *process
	admin string
}

// guarded starts the product with an admin port.
func startAPIServer(t *testing.T, env ...string) *apiServer {
	t.Helper()
	admin := "127.0.0.1:" + freePort(t)
	return &apiServer{t, startBackend(t, append(env, "ADMIN_ADDR="+admin)...), admin}
}

// refused is what the metrics count.
func (d *apiServer) refusedSessions(reason string) string {
	_, body := get(d.t, "http://"+d.admin+"/metrics")
	for line := range strings.Lines(body) {
		if count, found := strings.CutPrefix(line, fmt.Sprintf(`smartfactory_sessions_refused_total{reason=%q} `, reason)); found {
			return strings.TrimSpace(count)
		}
	}
	return "nothing"
}

// socket opens a WebSocket of a path; headers are pairs. Without one it
// returns the status of the refusal, and when to come back.
func (d *apiServer) dialWebSocket(path string, headers ...string) (conn *websocket.Conn, refusal string) {
	d.t.Helper()
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	conn, resp, err := (&websocket.Dialer{HandshakeTimeout: waitTimeout}).Dial("ws://127.0.0.1:"+d.p.port+path, h)
	if err != nil {
		if resp == nil {
			d.t.Fatalf("%s: %v", path, err)
		}
		return nil, fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Retry-After"))
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(waitTimeout))
	return conn, ""
}

// say sends a text and returns the next one.
func (d *apiServer) roundTrip(c *websocket.Conn, text string) string {
	d.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		return err.Error()
	}
	return d.receive(c)
}

func (d *apiServer) receive(c *websocket.Conn) string {
	d.t.Helper()
	_, text, err := c.ReadMessage()
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// socketIO connects a Socket.IO client and returns the answer to its CONNECT.
func (d *apiServer) connectSocketIO(auth string, headers ...string) (conn *websocket.Conn, answer string) {
	d.t.Helper()
	conn, refusal := d.dialWebSocket("/socket.io/?EIO=4&transport=websocket", headers...)
	if conn == nil {
		return nil, refusal
	}
	d.receive(conn) // open
	return conn, d.roundTrip(conn, "40"+auth)
}

// stream asks for events and returns the status.
func (d *apiServer) openStream(headers ...string) int {
	d.t.Helper()
	req, err := http.NewRequest(http.MethodGet, d.p.url()+"/api/v1/stream?rooms=alarms", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (d *apiServer) expectPrefix(what, got, want string) {
	d.t.Helper()
	if !strings.HasPrefix(got, want) {
		d.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// TestIntegrationUpgradesPerSecond: more than UPGRADE_RATE at once are told to
// come back in a second, and then get in.
func TestIntegrationUpgradeRateIsLimited(t *testing.T) {
	t.Parallel()
	const rate = 10
	d := startAPIServer(t, fmt.Sprint("UPGRADE_RATE=", rate))
	var in, out atomic.Int64
	var dials sync.WaitGroup
	begin := time.Now()
	for i := range 60 {
		dials.Go(func() {
			conn, refusal := d.dialWebSocket([]string{"/ws", "/socket.io/?EIO=4&transport=websocket"}[i%2])
			switch {
			case conn != nil:
				in.Add(1)
			case strings.HasPrefix(refusal, "503 1"):
				out.Add(1)
			default:
				t.Errorf("refused by %s, want 503 and Retry-After 1", refusal)
			}
		})
	}
	dials.Wait()
	most := int64(rate * (2 + time.Since(begin)/time.Second))
	if n := in.Load(); n < rate || n > most || n+out.Load() != 60 {
		t.Errorf("of 60 at once %d are in and %d are out, want %d to %d in", n, out.Load(), rate, most)
	}
	if got, want := d.refusedSessions("rate"), fmt.Sprint(out.Load()); got != want {
		t.Errorf("refused and counted: %s, want %s", got, want)
	}
	eventually(t, "somebody who comes back gets in", func() bool {
		conn, _ := d.dialWebSocket("/ws")
		return conn != nil
	})
}

// TestIntegrationSocketsPerKey: one key's sessions are bounded, whatever they
// are on, and those of another are not touched by that.
func TestIntegrationSessionsPerKeyAreLimited(t *testing.T) {
	t.Parallel()
	d := startAPIServer(t, "API_KEYS="+apiKeys, "MAX_SOCKETS_PER_KEY=2")
	reader := fmt.Sprintf(`{"token":%q}`, readerKey)
	ws, _ := d.dialWebSocket("/ws", "X-API-Key", readerKey)
	_, answer := d.connectSocketIO(reader)
	d.expectPrefix("the second session of a key", answer, `40{"sid":`)
	eventually(t, "a third WebSocket is refused", func() bool {
		_, refusal := d.dialWebSocket("/ws", "X-API-Key", readerKey)
		return refusal == "429 5"
	})
	if status := d.openStream("X-API-Key", readerKey); status != http.StatusTooManyRequests {
		t.Errorf("a third as an event stream: %d, want 429", status)
	}
	_, answer = d.connectSocketIO(reader)
	d.expectPrefix("a third on Socket.IO", answer, `44{"message":"too many sessions with this key","data":{"kind":"overloaded"`)
	_, answer = d.connectSocketIO(fmt.Sprintf(`{"token":%q}`, ingestKey))
	d.expectPrefix("another key", answer, `40{"sid":`)
	_ = ws.Close()
	eventually(t, "the place of the first is free again", func() bool {
		conn, _ := d.dialWebSocket("/ws", "X-API-Key", readerKey)
		return conn != nil
	})
}

// TestIntegrationSocketsPerAddress: so are those of one address, which is the
// forwarded one behind a proxy that is trusted, and only there.
func TestIntegrationSessionsPerAddressAreLimited(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{false, true} {
		t.Run(fmt.Sprintf("trusted proxy %v", trusted), func(t *testing.T) {
			t.Parallel()
			env := []string{"MAX_SOCKETS_PER_ADDRESS=2"}
			if trusted {
				env = append(env, "TRUSTED_PROXIES=127.0.0.0/8")
			}
			d := startAPIServer(t, env...)
			from := func(host int) []string { return []string{"X-Forwarded-For", fmt.Sprint("192.0.2.", host)} }
			_, _ = d.dialWebSocket("/ws", from(1)...)
			_, answer := d.connectSocketIO("", from(1)...)
			d.expectPrefix("the second session of an address", answer, `40{"sid":`)
			eventually(t, "a third WebSocket is refused", func() bool {
				_, refusal := d.dialWebSocket("/ws", from(1)...)
				return refusal == "429 5"
			})
			_, answer = d.connectSocketIO("", from(1)...)
			d.expectPrefix("a third on Socket.IO", answer, "403")
			_, refusal := d.dialWebSocket("/ws", from(2)...)
			if trusted != (refusal == "") {
				t.Errorf("another client of the proxy is refused by %q", refusal)
			}
			if d.refusedSessions("address") == "0" {
				t.Error("no refusal was counted")
			}
		})
	}
}

// TestIntegrationProductionNeedsAKey: in production nobody subscribes or sends
// without a key, on any transport, nor a page of another origin with one.
func TestIntegrationProductionRequiresKeyAndOrigin(t *testing.T) {
	t.Parallel()
	d := startAPIServer(t, "API_KEYS="+apiKeys, "NODE_ENV=production", "FAULT_INJECTION=false", "ALLOWED_ORIGINS=https://plant.example")
	for _, headers := range [][]string{nil, {"X-API-Key", "wrong"}} {
		if status := d.openStream(headers...); status != http.StatusUnauthorized {
			t.Errorf("an event stream with %q: %d, want 401", headers, status)
		}
		conn, refusal := d.dialWebSocket("/ws", headers...)
		if conn == nil {
			d.expectPrefix("a WebSocket", refusal, "401")
			continue
		}
		for _, op := range []string{`{"op":"subscribe","id":1,"rooms":["alarms"]}`, `{"op":"telemetry","id":2,"machine":"m","values":{"a":1}}`} {
			if got := d.roundTrip(conn, op); !strings.Contains(got, `"ok":false`) || !strings.Contains(got, `"kind":"forbidden"`) {
				t.Errorf("%s without a key is answered %s", op, got)
			}
		}
	}
	for _, auth := range []string{"", `{"token":"wrong"}`} {
		conn, answer := d.connectSocketIO(auth)
		d.expectPrefix("Socket.IO with "+auth, answer, `44{"message":"unauthorized"`)
		if got := d.roundTrip(conn, `421["subscribe",{"rooms":["alarms"]}]`); strings.HasPrefix(got, "43") {
			t.Errorf("who was refused is answered %s", got)
		}
	}
	for _, path := range []string{"/ws", "/socket.io/?EIO=4&transport=websocket"} {
		for origin, want := range map[string]string{"https://elsewhere.example": "403", "https://plant.example": ""} {
			if _, refusal := d.dialWebSocket(path, "Origin", origin, "X-API-Key", readerKey); !strings.HasPrefix(refusal, want) || want == "" && refusal != "" {
				t.Errorf("a page of %s at %s is refused by %q, want %q", origin, path, refusal, want)
			}
		}
	}
	for origin, want := range map[string]string{"https://elsewhere.example": "403 ", "https://plant.example": "204 https://plant.example"} {
		req, err := http.NewRequest(http.MethodOptions, d.p.url()+"/socket.io/?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Access-Control-Allow-Origin")); got != want {
			t.Errorf("a preflight of %s is answered %q, want %q", origin, got, want)
		}
	}
	conn, answer := d.connectSocketIO(fmt.Sprintf(`{"token":%q}`, readerKey))
	d.expectPrefix("Socket.IO with a key", answer, `40{"sid":`)
	d.expectPrefix("a subscription with a key", d.roundTrip(conn, `421["subscribe",{"rooms":["alarms"]}]`), `431[{"ok":true}]`)
	var snapshot []json.RawMessage
	if got := d.receive(conn); json.Unmarshal([]byte(strings.TrimPrefix(got, "42")), &snapshot) != nil || string(snapshot[0]) != `"snapshot"` {
		t.Errorf("after the subscription came %s, want a snapshot", got)
	}
	d.p.expectRunning()
}

// TestIntegrationWhatSocketsSendIsCommitted: what was acknowledged on a socket
// is there after the process was killed, as over HTTP.
func TestIntegrationAcknowledgedTelemetrySurvivesSIGKILL(t *testing.T) {
	t.Parallel()
	d := startAPIServer(t, "API_KEYS="+apiKeys)
	const count = 200
	ws, _ := d.dialWebSocket("/ws", "X-API-Key", ingestKey)
	io, answer := d.connectSocketIO(fmt.Sprintf(`{"token":%q}`, ingestKey))
	d.expectPrefix("connect", answer, `40{"sid":`)
	for i := range count {
		body := fmt.Sprintf(`"ts":%d,"values":{"n":%d}`, 1_700_000_000_000+i, i)
		d.expectPrefix("telemetry on /ws", d.roundTrip(ws, fmt.Sprintf(`{"op":"telemetry","id":%d,"machine":"ws",%s}`, i, body)), fmt.Sprintf(`{"id":%d,"ok":true`, i))
		d.expectPrefix("telemetry on Socket.IO", d.roundTrip(io, fmt.Sprintf(`42%d["telemetry",{"machine":"io",%s}]`, i, body)), fmt.Sprintf(`43%d[{"ok":true`, i))
	}
	d.p.stop(syscall.SIGKILL)
	d.p.start()
	for _, machine := range []string{"ws", "io"} {
		req, err := http.NewRequest(http.MethodGet, d.p.url()+"/api/v1/machines/"+machine+"/history?metric=n", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-Key", readerKey)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var history struct {
			Series []struct{ Points [][2]float64 }
		}
		err = json.NewDecoder(resp.Body).Decode(&history)
		_ = resp.Body.Close()
		if err != nil || len(history.Series) != 1 || len(history.Series[0].Points) != count {
			t.Fatalf("history of %s: %d, %+v, %v; want %d points", machine, resp.StatusCode, history, err, count)
		}
		for i, point := range history.Series[0].Points {
			if point != [2]float64{float64(1_700_000_000_000 + i), float64(i)} {
				t.Fatalf("point %d of %s is %v", i, machine, point)
			}
		}
	}
}

// TestIntegrationPlantCompressed: the plant as the JavaScript clients see it,
// all of which compress if the server agrees to.
func TestIntegrationFactoryRoomsCompressed(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "API_KEYS="+apiKeys, "WS_COMPRESSION=true")
	runScript(t, 2*waitTimeout, "factory-rooms.js", server.url(), server.url(), readerKey, ingestKey)
	server.expectRunning()
}
