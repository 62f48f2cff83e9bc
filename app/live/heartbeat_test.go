package live_test

import (
	"context"
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

// A panic in one session ends that session, and not the heartbeat of the others.
func TestHeartbeatSurvivesAPanic(t *testing.T) {
	t.Parallel()
	panics, aborted, pings := make(chan any, 10), make(chan struct{}, 10), make(chan struct{})
	h := newNetHarness(t, func(o *live.Options) { o.OnPanic = func(v any, _ []byte) { panics <- v } })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.srv.RunHeartbeat(ctx, 64*time.Millisecond,
			&live.TestPinger{OnPing: func() { panic("in a session") }, OnAbort: func() { aborted <- struct{}{} }},
			&live.TestPinger{OnPing: func() {
				select {
				case pings <- struct{}{}:
				case <-ctx.Done():
				}
			}})
	}()
	<-aborted
	for range 2 {
		<-pings
	}
	cancel()
	<-ended
	if v := <-panics; v != "in a session" {
		t.Errorf("OnPanic received %v", v)
	}
}
