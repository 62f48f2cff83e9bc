package live_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/live"
)

func TestHeartbeatPings(t *testing.T) {
	t.Parallel()
	h := newNetHarness(t, func(o *live.Options) { o.Heartbeat = 64 * time.Millisecond })
	c := h.openWebSocket("/ws")
	pinged := make(chan struct{}, 1)
	c.SetPingHandler(func(string) error {
		select {
		case pinged <- struct{}{}:
		default:
		}
		return nil
	})
	go func() { _, _, _ = c.ReadMessage() }() // ends with the connection
	select {
	case <-pinged:
	case <-time.After(timeout):
		t.Error("no ping")
	}
}
