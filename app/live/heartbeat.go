package live

import (
	"context"
	"sync"
	"time"
)

// heartbeat gives every registered session a sign of life once per interval,
// so that proxies between keep the connection. The sessions have no timers: one
// goroutine goes through a part of them at a time.
type heartbeat struct {
	interval time.Duration

	mu        sync.Mutex
	shards    []map[pinger]struct{}
	nextShard int
}

// beater is a session. beat must not block.
type pinger interface{ ping() }

const heartbeatShards = 64

func (h *heartbeat) init(interval time.Duration) {
	h.interval = interval
	h.shards = make([]map[pinger]struct{}, heartbeatShards)
	for i := range h.shards {
		h.shards[i] = map[pinger]struct{}{}
	}
}

// add returns the part that the session is in, for remove.
func (h *heartbeat) add(b pinger) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	part := h.nextShard
	h.nextShard = (h.nextShard + 1) % heartbeatShards
	h.shards[part][b] = struct{}{}
	return part
}

func (h *heartbeat) remove(b pinger, part int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.shards[part], b)
}

// all lists the registered sessions.
func (h *heartbeat) list() []pinger {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []pinger
	for _, part := range h.shards {
		for b := range part {
			all = append(all, b)
		}
	}
	return all
}

func (h *heartbeat) run(ctx context.Context) {
	tick := time.NewTicker(max(h.interval/heartbeatShards, time.Millisecond))
	defer tick.Stop()
	var due []pinger
	for part := 0; ; part = (part + 1) % heartbeatShards {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due = due[:0]
		h.mu.Lock()
		for b := range h.shards[part] {
			due = append(due, b)
		}
		h.mu.Unlock()
		for _, b := range due {
			b.ping()
		}
		clear(due)
	}
}
