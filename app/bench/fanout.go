package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	fanoutPublishers = 4
	// fanoutInterval is the time between messages at 10 a second.
	fanoutInterval = 100 * time.Millisecond
	// fanoutWindow is how many messages of each publisher are in flight at
	// saturation. It sends the next one when all subscribers have received one.
	fanoutWindow = 8
	// maxInFlight is more than the messages that can be in flight.
	maxInFlight = 1 << 12
)

var fanoutRates = []struct {
	name     string
	interval time.Duration // 0 is without a pause
}{{"10 messages/s", fanoutInterval}, {"saturation", 0}}

// fanout measures the CPU and the latency per delivery of a message to all
// members of a room.
func (b *runner) fanout(ctx context.Context) (*table, error) {
	t := &table{
		Title: fmt.Sprintf("messages of %d bytes to %d subscribers; saturation is %d publishers with %d messages in flight each",
			payloadSize, b.subscribers, fanoutPublishers, fanoutWindow),
		Goal: "10 messages/s: CPU per delivery at most 0.45 x Node.js; saturation: 5 x its deliveries per CPU second, and a p99 under its",
		Columns: []column{
			{"cpu_us_per_delivery", "CPU us/delivery", 2},
			{"cpu_vs_node", "x Node.js", 3},
			{"cpu_vs_cluster", "x cluster", 3},
			{"cpu_vs_epoll", "x bare epoll", 3},
			{"deliveries_per_cpu_second", "deliveries/CPU s", 0},
			{"deliveries_vs_node", "x Node.js", 2},
			{"deliveries_per_second", "deliveries/s", 0},
			{"p50_ms", "p50 ms", 2},
			{"p99_ms", "p99 ms", 2},
		},
	}
	var all []webSocketTarget
	for _, c := range b.availableTargets() {
		if c.subscriber.path != "" {
			all = append(all, c)
		}
	}
	switch n, err := b.fitDescriptorLimit(b.subscribers); {
	case err != nil:
		return nil, err
	case n < b.subscribers:
		return nil, errors.New("too few descriptors; see ulimit -Hn")
	}
	servers, end, err := b.serveWebSockets(ctx, all)
	if err != nil {
		return nil, err
	}
	defer end()
	for _, c := range all { // warms up just-in-time compilers
		if err := b.fanoutRound(ctx, servers[c.name], c, &table{}); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range b.rounds {
		for i := range all {
			c := all[(i+round)%len(all)]
			if err := b.fanoutRound(ctx, servers[c.name], c, t); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			b.logf("fanout %d/%d %s", round+1, b.rounds, c.name)
		}
		for _, rate := range fanoutRates {
			node, cluster, epoll := t.row(rate.name, nodeName), t.row(rate.name, clusterName), t.row(rate.name, epollName)
			for _, c := range all {
				r := t.row(rate.name, c.name)
				addRatio(r, node, "cpu_us_per_delivery", "cpu_vs_node")
				addRatio(r, cluster, "cpu_us_per_delivery", "cpu_vs_cluster")
				addRatio(r, epoll, "cpu_us_per_delivery", "cpu_vs_epoll")
				addRatio(r, node, "deliveries_per_cpu_second", "deliveries_vs_node")
			}
		}
	}
	return t, nil
}

// fanoutRound loads one server at each rate.
func (b *runner) fanoutRound(ctx context.Context, server *process, c webSocketTarget, t *table) error {
	pool, err := newClientPool(server.address)
	if err != nil {
		return err
	}
	defer pool.close()
	pool.add(b.subscribers, c.subscriber)
	pool.add(fanoutPublishers, c.publisher)
	if err := pool.connectAll(ctx); err != nil {
		return err
	}
	s := newFanoutLoad(pool, b.subscribers)
	for _, rate := range fanoutRates {
		s.interval, s.stop = rate.interval, false
		got, err := s.measure(ctx, b, server)
		if err != nil {
			return fmt.Errorf("%s: %w", rate.name, err)
		}
		r := t.row(rate.name, c.name)
		r.add("cpu_us_per_delivery", got.cpu.Seconds()*1e6/float64(got.n))
		r.add("deliveries_per_cpu_second", float64(got.n)/got.cpu.Seconds())
		r.add("deliveries_per_second", float64(got.n)/got.elapsed.Seconds())
		r.add("p50_ms", s.latency.millis(50))
		r.add("p99_ms", s.latency.millis(99))
	}
	return nil
}

// fanoutLoad makes publishers send messages, and checks that each subscriber
// receives all of them, in order per publisher.
type fanoutLoad struct {
	*clientPool
	// interval is the time between messages; 0 sends the next one when all
	// subscribers have received one.
	interval time.Duration
	stop     bool

	due         time.Time // of the next message
	sent        [maxInFlight]time.Time
	undelivered [maxInFlight]int // missing deliveries, by message
	inFlight    int
	published   [fanoutPublishers]uint64
	received    [][fanoutPublishers]uint64 // by subscriber
	deliveries  int
	latency     latencies
}

func newFanoutLoad(c *clientPool, subscribers int) *fanoutLoad {
	s := &fanoutLoad{clientPool: c, received: make([][fanoutPublishers]uint64, subscribers), latency: newLatencies()}
	c.onMessage = s.receive
	return s
}

// measure sends at the current interval, measures, and waits for the last
// deliveries.
func (s *fanoutLoad) measure(ctx context.Context, b *runner, server *process) (sample, error) {
	s.due = time.Now()
	if s.interval == 0 {
		for p := range fanoutPublishers * fanoutWindow {
			if err := s.publish(p % fanoutPublishers); err != nil {
				return sample{}, err
			}
		}
	}
	got, err := b.measureWebSocket(ctx, s.clientPool, server, func(on bool) int {
		if on {
			s.latency.reset()
		}
		return s.deliveries
	}, s.sendDue)
	if err != nil {
		return got, err
	}
	s.stop = true
	end := time.Now().Add(b.fanoutDrain)
	return got, s.run(ctx, func(now time.Time) (time.Duration, error) {
		switch {
		case s.inFlight == 0:
			return 0, errDone
		case now.After(end):
			return 0, fmt.Errorf("%d messages did not reach all subscribers within %v", s.inFlight, b.fanoutDrain)
		}
		return 50 * time.Millisecond, nil
	})
}

// sendDue sends the messages that are due, and returns the time until the next.
func (s *fanoutLoad) sendDue(now time.Time) (time.Duration, error) {
	if s.interval == 0 || s.stop {
		return time.Second, nil
	}
	for !now.Before(s.due) {
		s.due = s.due.Add(s.interval)
		if err := s.publish(int(s.due.UnixNano()/int64(s.interval)) % fanoutPublishers); err != nil {
			return 0, err
		}
	}
	return s.due.Sub(now), nil
}

// publish sends the next message of publisher p.
func (s *fanoutLoad) publish(p int) error {
	id := s.published[p]*fanoutPublishers + uint64(p)
	s.published[p]++
	s.sent[id%maxInFlight], s.undelivered[id%maxInFlight] = time.Now(), len(s.received)
	s.inFlight++
	i := len(s.received) + p // publishers follow the subscribers
	return s.sendMessage(i, s.clients[i].protocol.publish, id)
}

func (s *fanoutLoad) receive(i int, id uint64, now time.Time) error {
	p := int(id % fanoutPublishers)
	if i >= len(s.received) {
		return errUnexpectedMessage
	}
	if id/fanoutPublishers != s.received[i][p] {
		return fmt.Errorf("received message %d of publisher %d, want %d", id/fanoutPublishers, p, s.received[i][p])
	}
	s.received[i][p]++
	s.deliveries++
	at := id % maxInFlight
	s.latency.add(now.Sub(s.sent[at]))
	if s.undelivered[at]--; s.undelivered[at] > 0 {
		return nil
	}
	s.inFlight--
	if s.interval > 0 || s.stop {
		return nil
	}
	return s.publish(p)
}
