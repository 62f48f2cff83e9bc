package main

import (
	"context"
	"fmt"
)

const healthClients = 64

// healthMode is a way to send requests.
type healthMode struct {
	name           string
	newConnections bool
	request        string
}

var healthModes = []healthMode{
	{name: "keep-alive", request: healthRequest},
	{name: "connection per request", newConnections: true, request: "GET /api/health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"},
}

// health measures the CPU per request of GET /api/health.
func (b *runner) health(ctx context.Context) (*table, error) {
	t := &table{
		Title: fmt.Sprintf("GET /api/health, %d clients", healthClients),
		Goal:  "CPU per request at most 1.05 x bare fasthttp",
		Columns: []column{
			{"cpu_us_per_request", "CPU us/request", 2},
			{"requests_per_cpu_second", "requests/CPU s", 0},
			{"cpu_vs_bare", "CPU x bare", 3},
			{"requests_per_second", "requests/s", 0},
			{"p99_ms", "p99 ms", 2},
		},
	}
	names := []string{productName, fasthttpName}
	if b.nginx != "" {
		names = append(names, nginxName)
	}
	servers := make(map[string]*process)
	for _, name := range names { // the product first: the others serve its body
		c, err := b.serveHTTP(ctx, name)
		if err != nil {
			return nil, err
		}
		defer b.stopServer(c)
		servers[name] = c
	}
	for round := range b.rounds {
		for _, m := range healthModes {
			cost := make(map[string]float64)
			for i := range names {
				name := names[(i+round)%len(names)] // rotates the order
				us, err := b.healthRound(ctx, servers[name], m, t.row(m.name, name))
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", name, m.name, err)
				}
				cost[name] = us
			}
			for _, name := range names {
				t.row(m.name, name).add("cpu_vs_bare", cost[name]/cost[fasthttpName])
			}
			b.logf("health %d/%d %s: CPU us/request %.2f, bare %.2f", round+1, b.rounds, m.name, cost[productName], cost[fasthttpName])
		}
	}
	return t, nil
}

// healthRound loads one server and returns the CPU time per request in
// microseconds.
func (b *runner) healthRound(ctx context.Context, c *process, m healthMode, r *row) (float64, error) {
	l := httpLoad{
		address: c.address, clients: healthClients, newConnections: m.newConnections,
		request: func(dst []byte) []byte { return append(dst, m.request...) },
		check:   isOK,
	}
	got, used, err := b.measureHTTP(ctx, c, l)
	if err != nil {
		return 0, err
	}
	n := float64(got.requests)
	us := used.Seconds() * 1e6 / n
	r.add("cpu_us_per_request", us)
	r.add("requests_per_cpu_second", n/used.Seconds())
	r.add("requests_per_second", n/got.elapsed.Seconds())
	r.add("p99_ms", got.latency.millis(99))
	r.addErrors(got.failures)
	return us, nil
}

func isOK(a response) error {
	if a.status != 200 {
		return fmt.Errorf("status %d", a.status)
	}
	return nil
}
