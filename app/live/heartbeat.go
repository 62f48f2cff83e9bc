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

	mu    sync.Mutex
	parts []map[beater]struct{}
	next  int
}

// beater is a session. beat must not block.
type beater interface{ beat() }

const beatParts = 64

func (h *heartbeat) init(interval time.Duration) {
	h.interval = interval
	h.parts = make([]map[beater]struct{}, beatParts)
	for i := range h.parts {
		h.parts[i] = map[beater]struct{}{}
	}
}

// add returns the part that the session is in, for remove.
func (h *heartbeat) add(b beater) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	part := h.next
	h.next = (h.next + 1) % beatParts
	h.parts[part][b] = struct{}{}
	return part
}

func (h *heartbeat) remove(b beater, part int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.parts[part], b)
}

// all lists the registered sessions.
func (h *heartbeat) all() []beater {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []beater
	for _, part := range h.parts {
		for b := range part {
			all = append(all, b)
		}
	}
	return all
}

func (h *heartbeat) run(ctx context.Context) {
	tick := time.NewTicker(max(h.interval/beatParts, time.Millisecond))
	defer tick.Stop()
	var due []beater
	for part := 0; ; part = (part + 1) % beatParts {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due = due[:0]
		h.mu.Lock()
		for b := range h.parts[part] {
			due = append(due, b)
		}
		h.mu.Unlock()
		for _, b := range due {
			b.beat()
		}
		clear(due)
	}
}
