//go:build integration

package interop_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
)

// While some subscribers do not read, until they are disconnected for it, the others
// receive events as fast as before. The test is not parallel because it measures time.
func TestIntegrationSlowClientsDelayNoOthers(t *testing.T) {
	const subscribers, slow, rounds = 60, 5, 30
	s := startAPIServer(t, "WS_QUEUE_BYTES=64Ki", "WRITE_TIMEOUT=5s", "REALTIME_INTERVAL=10ms")
	w := &delayRecorder{sent: map[int]time.Time{}}
	for range subscribers - slow {
		go w.record(s.dialSubscriber(0)) // ends with the connection
	}
	before := w.measureDelay(s, 1, rounds)
	for range slow {
		s.dialSubscriber(4 << 10) // never read from
	}
	var during time.Duration
	next := rounds + 1
	eventually(t, "disconnection of the slow subscribers", func() bool {
		during = max(during, w.measureDelay(s, next, rounds))
		next += rounds
		_, body := get(t, "http://"+s.admin+"/metrics")
		return strings.Contains(body, fmt.Sprintf(`smartfactory_slow_clients_closed_total{transport="websocket"} %d`+"\n", slow))
	})
	t.Logf("99th percentile of the delay: %v with slow subscribers, %v before", during, before)
	// A writer that waited for a slow subscriber would be delayed by WRITE_TIMEOUT.
	// Smaller delays may come from a busy machine.
	if during > 3*before+5*time.Second/2 {
		t.Errorf("99th percentile of the delay = %v with slow subscribers, %v before", during, before)
	}
}

// dialSubscriber subscribes to the room all. buffer is the size of the socket's receive
// buffer; 0 means the kernel's default.
func (s *apiServer) dialSubscriber(buffer int) *websocket.Conn {
	s.t.Helper()
	dialer := websocket.Dialer{HandshakeTimeout: waitTimeout, NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil && buffer > 0 {
			err = c.(*net.TCPConn).SetReadBuffer(buffer)
		}
		return c, err
	}}
	conn, _, err := dialer.Dial("ws://127.0.0.1:"+s.p.port+"/ws", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	s.expectPrefix("subscribe", s.roundTrip(conn, `{"op":"subscribe","id":1,"rooms":["all"]}`), `{"id":1,"ok":true}`)
	return conn
}

// delayRecorder records how long readings take to reach subscribers.
type delayRecorder struct {
	mu    sync.Mutex
	sent  map[int]time.Time
	delay []time.Duration
}

// roundMetric precedes the number of a round in an event.
var roundMetric = []byte(`"metric":"round"`)

func (w *delayRecorder) record(conn *websocket.Conn) {
	for {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			return
		}
		now := time.Now()
		_, rest, found := bytes.Cut(frame, roundMetric)
		if !found {
			continue
		}
		_, rest, _ = bytes.Cut(rest, []byte(`"value":`))
		end := bytes.IndexAny(rest, ",}")
		round, err := strconv.Atoi(string(rest[:max(end, 0)]))
		w.mu.Lock()
		if at, known := w.sent[round]; known && err == nil {
			w.delay = append(w.delay, now.Sub(at))
		}
		w.mu.Unlock()
	}
}

// measureDelay posts rounds of readings and returns the 99th percentile of their delay.
func (w *delayRecorder) measureDelay(s *apiServer, from, rounds int) time.Duration {
	s.t.Helper()
	w.mu.Lock()
	w.delay = nil
	w.mu.Unlock()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for round := from; round < from+rounds; round++ {
		var body strings.Builder
		for machine := range 300 {
			fmt.Fprintf(&body, `{"machine":"machine-%d","ts":%d,"values":{"a":%d,"b":%d.5}}`+"\n", machine, 1_700_000_000_000+round, round, round)
		}
		fmt.Fprintf(&body, `{"machine":"marker","ts":%d,"values":{"round":%d}}`, 1_700_000_000_000+round, round)
		w.mu.Lock()
		w.sent[round] = time.Now()
		w.mu.Unlock()
		resp, err := http.Post(s.p.url()+"/api/v1/telemetry", "application/x-ndjson", strings.NewReader(body.String()))
		if err != nil {
			s.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			s.t.Fatalf("POST /api/v1/telemetry = %d, want 200", resp.StatusCode)
		}
		<-pace.C
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.delay) == 0 {
		s.t.Fatal("no subscriber received a reading")
	}
	delays := slices.Sorted(slices.Values(w.delay))
	return delays[len(delays)*99/100]
}
