package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// requestShape is the size of requests and the number of clients.
type requestShape struct {
	name    string
	clients int
	// objects is the number of objects per request, values that per object.
	objects, values int
}

var ingestShapes = []requestShape{
	{name: "1 reading", clients: 64, objects: 1, values: 1},
	{name: "125 objects x 8 values", clients: 8, objects: 125, values: 8},
	{name: "1000 objects x 1 value", clients: 8, objects: 1000, values: 1},
}

// ingest measures how fast the server makes readings durable.
func (b *runner) ingest(ctx context.Context) (*table, error) {
	t := &table{
		Title: "POST /api/v1/telemetry, durable, 1 000 series, data on " + fileSystemName(b.dir),
		Goal:  "500 000 points/CPU s in batches of 1 000; 20 000 requests/s with 1 reading",
		Columns: []column{
			{"points_per_cpu_second", "points/CPU s", 0},
			{"points_per_second", "points/s", 0},
			{"requests_per_second", "requests/s", 0},
			{"p50_ms", "p50 ms", 2},
			{"p99_ms", "p99 ms", 2},
		},
	}
	c, err := b.serveHTTP(ctx, productName)
	if err != nil {
		return nil, err
	}
	defer b.stopServer(c)
	// Each generator has its own month, so that no reading is sent twice.
	start := time.Now().Add(-90 * 24 * time.Hour).UnixMilli()
	var generators []*generator
	for i, s := range ingestShapes {
		generators = append(generators, &generator{requestShape: s, at: start + int64(i)*(30*24*time.Hour).Milliseconds()})
	}
	for round := range b.rounds {
		for _, g := range generators {
			rate, err := b.ingestRound(ctx, c, g, t.row(g.name, fmt.Sprintf("%d clients", g.clients)))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", g.name, err)
			}
			b.logf("ingest %d/%d %s: %.0f points/CPU s", round+1, b.rounds, g.name, rate)
		}
	}
	return t, nil
}

func (b *runner) ingestRound(ctx context.Context, c *process, g *generator, r *row) (float64, error) {
	accepted := fmt.Appendf(nil, `{"accepted":%d,"rejected":0,`, g.objects*g.values)
	l := httpLoad{address: c.address, clients: g.clients, request: g.appendRequest, check: func(a response) error {
		if a.status == 200 && !bytes.HasPrefix(a.body, accepted) {
			return fmt.Errorf("not all accepted: %.100s", a.body)
		}
		return isOK(a)
	}}
	got, used, err := b.measureHTTP(ctx, c, l)
	if err != nil {
		return 0, err
	}
	n := float64(got.requests)
	points := n * float64(g.objects*g.values)
	r.add("points_per_cpu_second", points/used.Seconds())
	r.add("points_per_second", points/got.elapsed.Seconds())
	r.add("requests_per_second", n/got.elapsed.Seconds())
	r.add("p50_ms", got.latency.millis(50))
	r.add("p99_ms", got.latency.millis(99))
	r.addErrors(got.failures)
	return points / used.Seconds(), nil
}
