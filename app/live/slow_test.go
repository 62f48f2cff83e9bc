package live_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"

	"github.com/fasthttp/websocket"
)

// Replaced telemetry never fills the queue, so a client that accepts nothing is
// detected by time.
func TestStalledClientIsClosed(t *testing.T) {
	t.Parallel()
	// Both frames and pings detect it. It must be counted once.
	h := newNetHarness(t, func(o *live.Options) { o.Heartbeat = 64 * time.Millisecond })
	slow := h.openWebSocket("/ws")
	slow.send(`{"op":"subscribe","id":1,"rooms":["all"]}`)
	slow.receive()
	slow.receive()
	n := 0
	waitFor(t, "the stalled client to be counted", func() bool {
		n++
		var batch []any
		for i := range 100 {
			batch = append(batch, strings.Repeat("m", 100)+fmt.Sprint(i), "v", n, 1.0)
		}
		h.put(batch...)
		return h.srv.Stats().Slow["websocket"] == 1
	})
	slow.expectClose(websocket.CloseTryAgainLater)
	_ = slow.Close()
	waitFor(t, "the session to end", func() bool { return h.srv.Stats().Sessions["websocket"] == 0 })
	if n := h.srv.Stats().Slow["websocket"]; n != 1 {
		t.Errorf("%d slow clients are counted, want 1", n)
	}
}

// A client that does not read is closed when its queue is full. Others receive
// everything.
func TestSlowClientIsClosed(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, func(o *live.Options) { o.Conn.QueueBytes = 256 << 10 })
	slow, other := h.openWebSocket("/ws"), h.openWebSocket("/ws")
	for _, c := range []*wsClient{slow, other} {
		c.send(`{"op":"subscribe","id":1,"rooms":["all"]}`)
		c.receive()
		c.receive()
	}
	note := strings.Repeat("x", 64<<10)
	var received atomic.Int64
	go func() { // ends with the connection
		for {
			if _, _, err := other.ReadMessage(); err != nil {
				return
			}
			received.Add(1)
		}
	}()
	for i := range 400 {
		h.srv.Publish(factory.Notification{Kind: factory.EventAlarm, Key: "1", Machine: "m", Seq: int64(i + 1), Data: []byte(`{"note":"` + note + `"}`)})
		waitFor(t, "the other client's event", func() bool { return received.Load() > int64(i) })
	}
	waitFor(t, "the slow client to be counted", func() bool { return h.srv.Stats().Slow["websocket"] == 1 })
	slow.expectClose(websocket.CloseTryAgainLater)
}
