package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// idleRounds is how many rounds there are at most: memory varies little.
const idleRounds = 3

// idle compares what a connection takes on which nothing happens.
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
	all := slices.DeleteFunc(b.availableTargets(), func(c webSocketTarget) bool { return c.name == epollName }) // it keeps nothing
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

// fitting is how many of n connections the limit of descriptors allows, which
// it raises where it can.
func (b *runner) fitDescriptorLimit(n int) (int, error) {
	const others = 500 // descriptors
	limit, err := raiseDescriptorLimit(uint64(n + others))
	if err != nil {
		return 0, err
	}
	fit := int(min(limit, maxClients+others)) - others
	if fit < min(n, 500) {
		return 0, fmt.Errorf("%d descriptors are too few; see ulimit -Hn", limit)
	}
	if fit < n {
		b.logf("%d descriptors allow for %d connections only; see ulimit -Hn", limit, fit)
	}
	return min(n, fit), nil
}

// idleRound measures a server that is started for this, and returns the KiB
// per connection.
func (b *runner) idleRound(ctx context.Context, c webSocketTarget, n int, r *row) (float64, error) {
	server, err := b.serveWebSocket(ctx, c.name)
	if err != nil {
		return 0, err
	}
	defer b.stopServer(server)
	crowd, err := newClientPool(server.address)
	if err != nil {
		return 0, err
	}
	defer crowd.close()
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
	crowd.add(n, c.echo)
	if err := crowd.connectAll(ctx); err != nil {
		return 0, err
	}
	used, err := server.cpuTime()
	if err != nil {
		return 0, err
	}
	end := time.Now().Add(b.settle)
	err = crowd.run(ctx, func(now time.Time) (time.Duration, error) { // answers heartbeats
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
