package live_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/live"

	"github.com/fasthttp/websocket"
)

// Telemetry never fills the queue, since the newest is enough; a client that
// takes nothing for too long goes all the same.
func TestStalledClientIsClosed(t *testing.T) {
	t.Parallel()
	// Frames and signs of life find it out; it counts once.
	h := newNetHarness(t, func(o *live.Options) { o.Heartbeat = 64 * time.Millisecond })
	slow := h.openWebSocket("/ws")
	slow.send(`{"op":"subscribe","id":1,"rooms":["all"]}`)
	slow.receive()
	slow.receive()
	n := 0
	waitFor(t, "the stalled one counted", func() bool {
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
	waitFor(t, "the end", func() bool { return h.srv.Stats().Sessions["websocket"] == 0 })
	if n := h.srv.Stats().Slow["websocket"]; n != 1 {
		t.Errorf("one slow client counts as %d", n)
	}
}

// A client that stops reading is closed once too much waits for it, and nobody
// else notices.
func TestSlowClientIsClosed(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, func(o *live.Options) { o.Conn.QueueBytes = 256 << 10 })
	slow, good := h.openWebSocket("/ws"), h.openWebSocket("/ws")
	for _, c := range []*wsClient{slow, good} {
		c.send(`{"op":"subscribe","id":1,"rooms":["all"]}`)
		c.receive()
		c.receive()
	}
	note := strings.Repeat("x", 64<<10)
	var heard atomic.Int64
	go func() { // ends with the connection
		for {
			if _, _, err := good.ReadMessage(); err != nil {
				return
			}
			heard.Add(1)
		}
	}()
	for i := range 400 {
		h.srv.PublishAlarm(live.Alarm{ID: "1", Machine: "m", Note: note})
		waitFor(t, "the good one's turn", func() bool { return heard.Load() > int64(i) })
	}
	waitFor(t, "the slow one counted", func() bool { return h.srv.Stats().Slow["websocket"] == 1 })
	slow.expectClose(websocket.CloseTryAgainLater)
}
