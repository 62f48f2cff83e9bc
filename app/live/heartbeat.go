package live

import (
	"context"
	"sync"
	"time"
)

// heartbeat pings every registered session once per interval, so that proxies keep
// idle connections open. One goroutine pings the shards in turn, so the pings are
// spread over the interval and sessions need no timers.
type heartbeat struct {
	interval time.Duration

	mu        sync.Mutex
	shards    []map[pinger]struct{}
	nextShard int
}

// pinger is a session that needs pings. Its methods must not block.
type pinger interface {
	revocable
	ping()
	abort() // closes the connection because of an error of the server
}

const heartbeatShards = 64

func (h *heartbeat) init(interval time.Duration) {
	h.interval = interval
	h.shards = make([]map[pinger]struct{}, heartbeatShards)
	for i := range h.shards {
		h.shards[i] = map[pinger]struct{}{}
	}
}

// add registers a session and returns its shard, which remove needs.
func (h *heartbeat) add(p pinger) (shard int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shard = h.nextShard
	h.nextShard = (h.nextShard + 1) % heartbeatShards
	h.shards[shard][p] = struct{}{}
	return shard
}

func (h *heartbeat) remove(p pinger, shard int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.shards[shard], p)
}

// list returns all registered sessions.
func (h *heartbeat) list() (sessions []revocable) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, shard := range h.shards {
		for p := range shard {
			sessions = append(sessions, p)
		}
	}
	return sessions
}

// run pings until ctx ends. guard contains and reports the panic of one session,
// which ends.
func (h *heartbeat) run(ctx context.Context, guard func(func())) {
	tick := time.NewTicker(max(h.interval/heartbeatShards, time.Millisecond))
	defer tick.Stop()
	var due []pinger
	for shard := 0; ; shard = (shard + 1) % heartbeatShards {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due = due[:0]
		h.mu.Lock()
		for p := range h.shards[shard] {
			due = append(due, p)
		}
		h.mu.Unlock()
		for _, p := range due {
			pinged := false
			guard(func() { p.ping(); pinged = true })
			if !pinged {
				guard(p.abort)
			}
		}
		clear(due) // do not keep closed sessions alive
	}
}
