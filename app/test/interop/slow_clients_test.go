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

// TestIntegrationSlowClientsHoldUpNobody: while some subscribers have stopped
// reading, and until they are sent off for it, the others are told as soon as
// before.
func TestIntegrationSlowClientsDelayNoOthers(t *testing.T) { // alone: it measures
	const subscribers, slow, rounds = 60, 5, 30
	d := startAPIServer(t, "WS_QUEUE_BYTES=64Ki", "WRITE_TIMEOUT=5s", "REALTIME_INTERVAL=10ms")
	w := &delayRecorder{sent: map[int]time.Time{}}
	for range subscribers - slow {
		go w.record(d.dialSubscriber(0)) // ends with the connection
	}
	before := w.measureDelay(d, 1, rounds)
	for range slow {
		d.dialSubscriber(4 << 10) // nobody reads from it any more
	}
	var during time.Duration
	next := rounds + 1
	eventually(t, "the slow ones are sent off", func() bool {
		during = max(during, w.measureDelay(d, next, rounds))
		next += rounds
		_, body := get(t, "http://"+d.admin+"/metrics")
		return strings.Contains(body, fmt.Sprintf(`smartfactory_slow_clients_closed_total{transport="websocket"} %d`+"\n", slow))
	})
	t.Logf("99 %% of the others are told within %v, before it was %v", during, before)
	// A writer that waited for one of them would wait for five seconds. What is
	// less may be the machine.
	if during > 3*before+5*time.Second/2 {
		t.Errorf("the others are told within %v, before it was %v", during, before)
	}
}

// subscriber watches everything; the kernel receives buffer bytes ahead, 0 is
// its default.
func (d *apiServer) dialSubscriber(buffer int) *websocket.Conn {
	d.t.Helper()
	dialer := websocket.Dialer{HandshakeTimeout: waitTimeout, NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil && buffer > 0 {
			err = c.(*net.TCPConn).SetReadBuffer(buffer)
		}
		return c, err
	}}
	conn, _, err := dialer.Dial("ws://127.0.0.1:"+d.p.port+"/ws", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	d.expectPrefix("subscribe", d.roundTrip(conn, `{"op":"subscribe","id":1,"rooms":["all"]}`), `{"id":1,"ok":true}`)
	return conn
}

// watchers are subscribers who note how late the readings are that they see.
type delayRecorder struct {
	mu    sync.Mutex
	sent  map[int]time.Time
	delay []time.Duration
}

// marker stands before the number of a round.
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

// measure sends rounds of readings, and returns within what time nearly all
// watchers had seen what they have seen.
func (w *delayRecorder) measureDelay(d *apiServer, from, rounds int) time.Duration {
	d.t.Helper()
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
		resp, err := http.Post(d.p.url()+"/api/v1/telemetry", "application/x-ndjson", strings.NewReader(body.String()))
		if err != nil {
			d.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			d.t.Fatalf("telemetry: %d", resp.StatusCode)
		}
		<-pace.C
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.delay) == 0 {
		d.t.Fatal("nobody has seen anything")
	}
	delays := slices.Sorted(slices.Values(w.delay))
	return delays[len(delays)*99/100]
}
