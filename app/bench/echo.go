package main

import (
	"context"
	"fmt"
	"time"
)

const echoClients = 64

// echo measures the CPU per message that is sent back.
func (b *runner) echo(ctx context.Context) (*table, error) {
	t := &table{
		Title: fmt.Sprintf("echo of %d bytes over WebSockets, %d clients that wait for each answer", payloadSize, echoClients),
		Goal:  "CPU per message at most 0.35 x Node.js with Socket.IO",
		Columns: []column{
			{"cpu_us_per_message", "CPU us/message", 2},
			{"messages_per_cpu_second", "messages/CPU s", 0},
			{"cpu_vs_node", "x Node.js", 3},
			{"cpu_vs_cluster", "x cluster", 3},
			{"cpu_vs_epoll", "x bare epoll", 3},
			{"messages_per_second", "messages/s", 0},
			{"p50_ms", "p50 ms", 2},
			{"p99_ms", "p99 ms", 2},
		},
	}
	all := b.availableTargets()
	servers, end, err := b.serveWebSockets(ctx, all)
	if err != nil {
		return nil, err
	}
	defer end()
	for _, c := range all { // warms up just-in-time compilers
		if _, err := b.echoRound(ctx, servers[c.name], c.echo, (&table{}).row(c.mode, c.name)); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.name, c.mode, err)
		}
	}
	for round := range b.rounds {
		for i := range all {
			c := all[(i+round)%len(all)] // rotates the order
			us, err := b.echoRound(ctx, servers[c.name], c.echo, t.row(c.mode, c.name))
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", c.name, c.mode, err)
			}
			b.logf("echo %d/%d %s, %s: CPU us/message %.2f", round+1, b.rounds, c.name, c.mode, us)
		}
		addNodeRatios(t, all, "cpu_us_per_message", "cpu")
		for _, c := range all {
			addRatio(t.row(c.mode, c.name), t.row(rawWebSocketMode, epollName), "cpu_us_per_message", "cpu_vs_epoll")
		}
	}
	return t, nil
}

// echoRound loads one server and returns the CPU microseconds per message.
func (b *runner) echoRound(ctx context.Context, server *process, d protocol, r *row) (float64, error) {
	pool, err := newClientPool(server.address)
	if err != nil {
		return 0, err
	}
	defer pool.close()
	pool.add(echoClients, d)
	if err := pool.connectAll(ctx); err != nil {
		return 0, err
	}
	p := &echoLoad{clientPool: pool, pending: make([]pendingEcho, echoClients), latency: newLatencies()}
	pool.onMessage = p.receive
	for i := range p.pending {
		if err := p.send(i); err != nil {
			return 0, err
		}
	}
	s, err := b.measureWebSocket(ctx, pool, server, func(on bool) int {
		if on {
			p.latency.reset()
		}
		return p.received
	})
	if err != nil {
		return 0, err
	}
	p.stop = true
	if err := pool.run(ctx, p.drained(time.Now().Add(drainTimeout))); err != nil {
		return 0, err
	}
	us := s.cpu.Seconds() * 1e6 / float64(s.n)
	r.add("cpu_us_per_message", us)
	r.add("messages_per_cpu_second", float64(s.n)/s.cpu.Seconds())
	r.add("messages_per_second", float64(s.n)/s.elapsed.Seconds())
	r.add("p50_ms", p.latency.millis(50))
	r.add("p99_ms", p.latency.millis(99))
	return us, nil
}

// echoLoad makes each client send a message, and the next one when it has come
// back.
type echoLoad struct {
	*clientPool
	pending  []pendingEcho
	inFlight int
	received int
	stop     bool
	latency  latencies
}

// pendingEcho is the message that a client waits for.
type pendingEcho struct {
	id   uint64
	sent time.Time
}

func (p *echoLoad) send(i int) error {
	p.pending[i].id++
	p.pending[i].sent = time.Now()
	p.inFlight++
	return p.sendMessage(i, p.clients[i].protocol.echo, p.pending[i].id)
}

func (p *echoLoad) receive(i int, id uint64, now time.Time) error {
	if call := p.pending[i]; id != call.id {
		return fmt.Errorf("received message %d, want %d", id, call.id)
	}
	p.received++
	p.inFlight--
	p.latency.add(now.Sub(p.pending[i].sent))
	if p.stop {
		return nil
	}
	return p.send(i)
}

// drained is the argument of run that waits for the messages in flight.
func (p *echoLoad) drained(end time.Time) func(time.Time) (time.Duration, error) {
	return func(now time.Time) (time.Duration, error) {
		switch {
		case p.inFlight == 0:
			return 0, errDone
		case now.After(end):
			return 0, fmt.Errorf("%d messages were not echoed within %v", p.inFlight, drainTimeout)
		}
		return 50 * time.Millisecond, nil
	}
}
