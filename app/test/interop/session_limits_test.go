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

// apiServer is a running server, with one method for each way to connect to it.
type apiServer struct {
	t     *testing.T
	p     *process
	admin string
}

// startAPIServer starts the server with an admin port.
func startAPIServer(t *testing.T, env ...string) *apiServer {
	t.Helper()
	admin := "127.0.0.1:" + freePort(t)
	return &apiServer{t, startBackend(t, append(env, "ADMIN_ADDR="+admin)...), admin}
}

// refusedSessions returns the value of the metric for a reason, or "nothing".
func (s *apiServer) refusedSessions(reason string) string {
	_, body := get(s.t, "http://"+s.admin+"/metrics")
	for line := range strings.Lines(body) {
		if count, found := strings.CutPrefix(line, fmt.Sprintf(`smartfactory_sessions_refused_total{reason=%q} `, reason)); found {
			return strings.TrimSpace(count)
		}
	}
	return "nothing"
}

// dialWebSocket opens a WebSocket. headers alternates names and values. If the server
// refuses, it returns a nil conn and the status and Retry-After of the response.
func (s *apiServer) dialWebSocket(path string, headers ...string) (conn *websocket.Conn, refusal string) {
	s.t.Helper()
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	conn, resp, err := (&websocket.Dialer{HandshakeTimeout: waitTimeout}).Dial("ws://127.0.0.1:"+s.p.port+path, h)
	if err != nil {
		if resp == nil {
			s.t.Fatalf("%s: %v", path, err)
		}
		return nil, fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Retry-After"))
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(waitTimeout))
	return conn, ""
}

// roundTrip sends a text message and returns the next message, or the text of the error.
func (s *apiServer) roundTrip(c *websocket.Conn, text string) string {
	s.t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		return err.Error()
	}
	return s.receive(c)
}

func (s *apiServer) receive(c *websocket.Conn) string {
	s.t.Helper()
	_, text, err := c.ReadMessage()
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// connectSocketIO connects a Socket.IO client over WebSocket and returns the response to
// its CONNECT packet, or the refusal of the upgrade.
func (s *apiServer) connectSocketIO(auth string, headers ...string) (conn *websocket.Conn, answer string) {
	s.t.Helper()
	conn, refusal := s.dialWebSocket("/socket.io/?EIO=4&transport=websocket", headers...)
	if conn == nil {
		return nil, refusal
	}
	s.receive(conn) // open
	return conn, s.roundTrip(conn, "40"+auth)
}

// openStream requests Server-Sent Events and returns the status.
func (s *apiServer) openStream(headers ...string) int {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.p.url()+"/api/v1/stream?rooms=alarms", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (s *apiServer) expectPrefix(what, got, want string) {
	s.t.Helper()
	if !strings.HasPrefix(got, want) {
		s.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// Upgrades beyond UPGRADE_RATE are refused with 503 and Retry-After 1, and succeed
// later.
func TestIntegrationUpgradeRateIsLimited(t *testing.T) {
	t.Parallel()
	const rate = 10
	s := startAPIServer(t, fmt.Sprint("UPGRADE_RATE=", rate))
	var accepted, refused atomic.Int64
	var dials sync.WaitGroup
	begin := time.Now()
	for i := range 60 {
		dials.Go(func() {
			conn, refusal := s.dialWebSocket([]string{"/ws", "/socket.io/?EIO=4&transport=websocket"}[i%2])
			switch {
			case conn != nil:
				accepted.Add(1)
			case strings.HasPrefix(refusal, "503 1"):
				refused.Add(1)
			default:
				t.Errorf("upgrade refused with %q, want 503 and Retry-After 1", refusal)
			}
		})
	}
	dials.Wait()
	most := int64(rate * (2 + time.Since(begin)/time.Second))
	if n := accepted.Load(); n < rate || n > most || n+refused.Load() != 60 {
		t.Errorf("%d of 60 concurrent upgrades accepted and %d refused, want %d to %d accepted", n, refused.Load(), rate, most)
	}
	if got, want := s.refusedSessions("rate"), fmt.Sprint(refused.Load()); got != want {
		t.Errorf("refused sessions in the metrics = %s, want %s", got, want)
	}
	eventually(t, "an upgrade accepted later", func() bool {
		conn, _ := s.dialWebSocket("/ws")
		return conn != nil
	})
}

// The sessions of a key are limited across all transports. Other keys are not affected.
func TestIntegrationSessionsPerKeyAreLimited(t *testing.T) {
	t.Parallel()
	s := startAPIServer(t, "API_KEYS="+apiKeys, "MAX_SOCKETS_PER_KEY=2")
	reader := fmt.Sprintf(`{"token":%q}`, readerKey)
	ws, _ := s.dialWebSocket("/ws", "X-API-Key", readerKey)
	_, answer := s.connectSocketIO(reader)
	s.expectPrefix("the second session of a key", answer, `40{"sid":`)
	eventually(t, "429 for a third WebSocket", func() bool {
		_, refusal := s.dialWebSocket("/ws", "X-API-Key", readerKey)
		return refusal == "429 5"
	})
	if status := s.openStream("X-API-Key", readerKey); status != http.StatusTooManyRequests {
		t.Errorf("GET /api/v1/stream as a third session = %d, want 429", status)
	}
	_, answer = s.connectSocketIO(reader)
	s.expectPrefix("a third session, on Socket.IO", answer, `44{"message":"too many sessions with this key","data":{"kind":"overloaded"`)
	_, answer = s.connectSocketIO(fmt.Sprintf(`{"token":%q}`, ingestKey))
	s.expectPrefix("another key", answer, `40{"sid":`)
	_ = ws.Close()
	eventually(t, "a new WebSocket after the first was closed", func() bool {
		conn, _ := s.dialWebSocket("/ws", "X-API-Key", readerKey)
		return conn != nil
	})
}

// The sessions of a client address are limited. Behind a trusted proxy, and only there,
// that is the forwarded address.
func TestIntegrationSessionsPerAddressAreLimited(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{false, true} {
		t.Run(fmt.Sprintf("trusted proxy %v", trusted), func(t *testing.T) {
			t.Parallel()
			env := []string{"MAX_SOCKETS_PER_ADDRESS=2"}
			if trusted {
				env = append(env, "TRUSTED_PROXIES=127.0.0.0/8")
			}
			s := startAPIServer(t, env...)
			from := func(host int) []string { return []string{"X-Forwarded-For", fmt.Sprint("192.0.2.", host)} }
			_, _ = s.dialWebSocket("/ws", from(1)...)
			_, answer := s.connectSocketIO("", from(1)...)
			s.expectPrefix("the second session of an address", answer, `40{"sid":`)
			eventually(t, "429 for a third WebSocket", func() bool {
				_, refusal := s.dialWebSocket("/ws", from(1)...)
				return refusal == "429 5"
			})
			_, answer = s.connectSocketIO("", from(1)...)
			s.expectPrefix("a third session, on Socket.IO", answer, "429 5")
			_, refusal := s.dialWebSocket("/ws", from(2)...)
			if trusted != (refusal == "") {
				t.Errorf("WebSocket from another forwarded address refused with %q, trusted proxy %v", refusal, trusted)
			}
			if s.refusedSessions("address") == "0" {
				t.Error("the metrics count no session refused for its address")
			}
		})
	}
}

// In production a client without a valid key can neither subscribe nor send telemetry on
// any transport, and a page of a foreign origin cannot even with a key.
func TestIntegrationProductionRequiresKeyAndOrigin(t *testing.T) {
	t.Parallel()
	s := startAPIServer(t, "API_KEYS="+apiKeys, "NODE_ENV=production", "FAULT_INJECTION=false", "ALLOWED_ORIGINS=https://plant.example")
	for _, headers := range [][]string{nil, {"X-API-Key", "wrong"}} {
		if status := s.openStream(headers...); status != http.StatusUnauthorized {
			t.Errorf("GET /api/v1/stream with headers %q = %d, want 401", headers, status)
		}
		conn, refusal := s.dialWebSocket("/ws", headers...)
		if conn == nil {
			s.expectPrefix("a WebSocket", refusal, "401")
			continue
		}
		for _, op := range []string{`{"op":"subscribe","id":1,"rooms":["alarms"]}`, `{"op":"telemetry","id":2,"machine":"m","values":{"a":1}}`} {
			if got := s.roundTrip(conn, op); !strings.Contains(got, `"ok":false`) || !strings.Contains(got, `"kind":"forbidden"`) {
				t.Errorf("%s without a valid key = %s, want kind forbidden", op, got)
			}
		}
	}
	for _, auth := range []string{"", `{"token":"wrong"}`} {
		conn, answer := s.connectSocketIO(auth)
		s.expectPrefix("Socket.IO with "+auth, answer, `44{"message":"unauthorized"`)
		if got := s.roundTrip(conn, `421["subscribe",{"rooms":["alarms"]}]`); strings.HasPrefix(got, "43") {
			t.Errorf("subscribe after a refused CONNECT = %s, want no ack", got)
		}
	}
	for _, path := range []string{"/ws", "/socket.io/?EIO=4&transport=websocket"} {
		for origin, want := range map[string]string{"https://elsewhere.example": "403", "https://plant.example": ""} {
			if _, refusal := s.dialWebSocket(path, "Origin", origin, "X-API-Key", readerKey); !strings.HasPrefix(refusal, want) || want == "" && refusal != "" {
				t.Errorf("upgrade from origin %s at %s refused with %q, want %q", origin, path, refusal, want)
			}
		}
	}
	for origin, want := range map[string]string{"https://elsewhere.example": "403 ", "https://plant.example": "204 https://plant.example"} {
		req, err := http.NewRequest(http.MethodOptions, s.p.url()+"/socket.io/?EIO=4&transport=polling", nil)
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
			t.Errorf("preflight from origin %s = %q, want %q", origin, got, want)
		}
	}
	conn, answer := s.connectSocketIO(fmt.Sprintf(`{"token":%q}`, readerKey))
	s.expectPrefix("Socket.IO with a key", answer, `40{"sid":`)
	s.expectPrefix("a subscription with a key", s.roundTrip(conn, `421["subscribe",{"rooms":["alarms"]}]`), `431[{"ok":true}]`)
	var snapshot []json.RawMessage
	if got := s.receive(conn); json.Unmarshal([]byte(strings.TrimPrefix(got, "42")), &snapshot) != nil || string(snapshot[0]) != `"snapshot"` {
		t.Errorf("message after the subscription = %s, want a snapshot", got)
	}
	s.p.expectRunning()
}

// Telemetry acknowledged on a WebSocket or a Socket.IO session is stored after SIGKILL.
func TestIntegrationAcknowledgedTelemetrySurvivesSIGKILL(t *testing.T) {
	t.Parallel()
	s := startAPIServer(t, "API_KEYS="+apiKeys)
	const count = 200
	ws, _ := s.dialWebSocket("/ws", "X-API-Key", ingestKey)
	io, answer := s.connectSocketIO(fmt.Sprintf(`{"token":%q}`, ingestKey))
	s.expectPrefix("connect", answer, `40{"sid":`)
	for i := range count {
		body := fmt.Sprintf(`"ts":%d,"values":{"n":%d}`, 1_700_000_000_000+i, i)
		s.expectPrefix("telemetry on /ws", s.roundTrip(ws, fmt.Sprintf(`{"op":"telemetry","id":%d,"machine":"ws",%s}`, i, body)), fmt.Sprintf(`{"id":%d,"ok":true`, i))
		s.expectPrefix("telemetry on Socket.IO", s.roundTrip(io, fmt.Sprintf(`42%d["telemetry",{"machine":"io",%s}]`, i, body)), fmt.Sprintf(`43%d[{"ok":true`, i))
	}
	s.p.stop(syscall.SIGKILL)
	s.p.start()
	for _, machine := range []string{"ws", "io"} {
		req, err := http.NewRequest(http.MethodGet, s.p.url()+"/api/v1/machines/"+machine+"/history?metric=n", nil)
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
			t.Fatalf("history of %s = %d, %+v, %v, want %d points", machine, resp.StatusCode, history, err, count)
		}
		for i, point := range history.Series[0].Points {
			if point != [2]float64{float64(1_700_000_000_000 + i), float64(i)} {
				t.Fatalf("point %d of %s = %v, want value %d", i, machine, point, i)
			}
		}
	}
}

// The JavaScript clients receive the factory's rooms with permessage-deflate, which all
// of them negotiate.
func TestIntegrationFactoryRoomsCompressed(t *testing.T) {
	t.Parallel()
	server := startBackend(t, "API_KEYS="+apiKeys, "WS_COMPRESSION=true")
	runScript(t, 2*waitTimeout, "factory-rooms.js", server.url(), server.url(), readerKey, ingestKey)
	server.expectRunning()
}
