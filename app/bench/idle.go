package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// idleRounds limits the rounds, because memory varies little.
const idleRounds = 3

// idle measures the memory of an idle connection.
func (b *runner) idle(ctx context.Context) (*table, error) {
	n, err := b.fitDescriptorLimit(b.connections)
	if err != nil {
		return nil, err
	}
	t := &table{
		Title: fmt.Sprintf("%d idle connections, %v after the last of them", n, b.settle),
		Goal:  "PSS at most 4 KiB for a raw WebSocket, 6 KiB for a Socket.IO session",
		Columns: []column{
			{"pss_kib", "PSS KiB each", 2},
			{"rss_kib", "RSS KiB each", 2},
			{"heap_kib", "live heap KiB each", 2},
			{"pss_vs_node", "PSS x Node.js", 3},
			{"pss_vs_cluster", "x cluster", 3},
			{"cpu_us_per_connect", "CPU us/connect", 0},
		},
	}
	all := slices.DeleteFunc(b.availableTargets(), func(c webSocketTarget) bool { return c.name == epollName }) // it keeps no state per connection
	for round := range min(b.rounds, idleRounds) {
		for i := range all {
			c := all[(i+round)%len(all)]
			kib, err := b.idleRound(ctx, c, n, t.row(c.mode, c.name))
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", c.name, c.mode, err)
			}
			b.logf("idle %d/%d %s, %s: PSS KiB each %.2f", round+1, min(b.rounds, idleRounds), c.name, c.mode, kib)
		}
		addNodeRatios(t, all, "pss_kib", "pss")
	}
	return t, nil
}

// idleRound starts a server, measures it and returns the PSS per connection in
// KiB.
func (b *runner) idleRound(ctx context.Context, c webSocketTarget, n int, r *row) (float64, error) {
	server, err := b.serveWebSocket(ctx, c.name)
	if err != nil {
		return 0, err
	}
	defer b.stopServer(server)
	pool, err := newClientPool(server.address)
	if err != nil {
		return 0, err
	}
	defer pool.close()
	heapBefore, err := server.liveHeap()
	if err != nil {
		return 0, err
	}
	before, err := server.memory()
	if err != nil {
		return 0, err
	}
	cpu, err := server.cpuTime()
	if err != nil {
		return 0, err
	}
	pool.add(n, c.echo)
	if err := pool.connectAll(ctx); err != nil {
		return 0, err
	}
	used, err := server.cpuTime()
	if err != nil {
		return 0, err
	}
	end := time.Now().Add(b.settle)
	err = pool.run(ctx, func(now time.Time) (time.Duration, error) { // answers heartbeats
		if now.After(end) {
			return 0, errDone
		}
		return end.Sub(now), nil
	})
	if err != nil {
		return 0, err
	}
	after, err := server.memory()
	if err != nil {
		return 0, err
	}
	heap, err := server.liveHeap()
	if err != nil {
		return 0, err
	}
	each := func(bytes float64) float64 { return bytes / 1024 / float64(n) }
	r.add("pss_kib", each(after.pss-before.pss))
	r.add("rss_kib", each(after.rss-before.rss))
	if heap >= 0 && heapBefore >= 0 {
		r.add("heap_kib", each(heap-heapBefore))
	}
	r.add("cpu_us_per_connect", (used-cpu).Seconds()*1e6/float64(n))
	return each(after.pss - before.pss), nil
}
