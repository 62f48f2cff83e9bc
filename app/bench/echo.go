package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const echoClients = 64

// echo compares what it costs to send a message back.
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
	for _, c := range all { // compilers at run time have a say, too
		if _, err := b.echoRound(ctx, servers[c.name], c.echo, (&table{}).row(c.mode, c.name)); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.name, c.mode, err)
		}
	}
	for round := range b.rounds {
		for i := range all {
			c := all[(i+round)%len(all)] // nobody is always first
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
	crowd, err := newClientPool(server.address)
	if err != nil {
		return 0, err
	}
	defer crowd.close()
	crowd.add(echoClients, d)
	if err := crowd.connectAll(ctx); err != nil {
		return 0, err
	}
	p := &echoLoad{clientPool: crowd, pending: make([]pendingEcho, echoClients), latency: newLatencies()}
	crowd.onMessage = p.receive
	for i := range p.pending {
		if err := p.send(i); err != nil {
			return 0, err
		}
	}
	s, err := b.measureWebSocket(ctx, crowd, server, func(on bool) int {
		if on {
			p.latency.reset()
		}
		return p.received
	})
	if err != nil {
		return 0, err
	}
	p.stop = true
	if err := crowd.run(ctx, p.drained(time.Now().Add(drainTimeout))); err != nil {
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

// pingPong has each client of a crowd send its next message when the one
// before has come back.
type echoLoad struct {
	*clientPool
	pending  []pendingEcho
	inFlight int
	received int
	stop     bool
	latency  latencies
}

// call is what a client waits for.
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
		return fmt.Errorf("message %d came back, %d was awaited", id, call.id)
	}
	p.received++
	p.inFlight--
	p.latency.add(now.Sub(p.pending[i].sent))
	if p.stop {
		return nil
	}
	return p.send(i)
}

// drained waits until the last message has come back.
func (p *echoLoad) drained(end time.Time) func(time.Time) (time.Duration, error) {
	return func(now time.Time) (time.Duration, error) {
		switch {
		case p.inFlight == 0:
			return 0, errDone
		case now.After(end):
			return 0, fmt.Errorf("%d messages did not come back within %v", p.inFlight, drainTimeout)
		}
		return 50 * time.Millisecond, nil
	}
}

// sample is what happened between two moments while a load went on.
type sample struct {
	n       int
	cpu     time.Duration
	elapsed time.Duration
}

// sample lets a crowd's load run on, a tenth of the time for warming up, and
// measures the rest, which is longer where nothing was counted. count is called
// at the beginning (on) and at the end of that, and returns what has been
// counted so far. pace, if given, is called before each wait and says how long
// that may be.
func (b *runner) measureWebSocket(ctx context.Context, crowd *clientPool, server *process, count func(on bool) int, pace ...func(now time.Time) (time.Duration, error)) (sample, error) {
	paced := func(now time.Time, wait time.Duration) (time.Duration, error) {
		for _, f := range pace {
			next, err := f(now)
			if err != nil {
				return 0, err
			}
			wait = min(wait, next)
		}
		return max(wait, 0), nil
	}
	var s sample
	var cpu time.Duration
	on, begin := false, time.Now()
	end := begin.Add(b.seconds / 10)
	err := crowd.run(ctx, func(now time.Time) (time.Duration, error) {
		wait := end.Sub(now)
		if wait <= 0 {
			n := count(!on)
			if on && n == s.n && now.Before(end.Add(drainTimeout)) {
				return paced(now, b.seconds/10) // the machine is too busy yet
			}
			used, err := server.cpuTime()
			if err != nil {
				return 0, err
			}
			if s = (sample{n: n - s.n, cpu: used - cpu, elapsed: now.Sub(begin)}); on {
				return 0, errDone
			}
			on, cpu, begin, end = true, used, now, now.Add(b.seconds)
			wait = b.seconds
		}
		return paced(now, wait)
	})
	if err == nil && (s.n <= 0 || s.cpu <= 0) {
		err = errors.New("nothing was measured")
	}
	return s, err
}
