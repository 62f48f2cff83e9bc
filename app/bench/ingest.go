package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// shape is a way of posting readings.
type requestShape struct {
	name    string
	clients int
	// objects is how many a request has, each with so many values.
	objects, values int
}

var ingestShapes = []requestShape{
	{name: "1 reading", clients: 64, objects: 1, values: 1},
	{name: "125 objects x 8 values", clients: 8, objects: 125, values: 8},
	{name: "1000 objects x 1 value", clients: 8, objects: 1000, values: 1},
}

// plant makes telemetry of 1 000 series in which time goes on by a tenth of a
// second from one round of all machines to the next.
type generator struct {
	requestShape
	machine int
	at      int64
	body    []byte
}

const (
	generatorSeries = 1000
	generatorStep   = 100 // milliseconds
)

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
	// Each shape has a month of its own, so that no reading is a repetition.
	start := time.Now().Add(-90 * 24 * time.Hour).UnixMilli()
	var plants []*generator
	for i, s := range ingestShapes {
		plants = append(plants, &generator{requestShape: s, at: start + int64(i)*(30*24*time.Hour).Milliseconds()})
	}
	for round := range b.rounds {
		for _, p := range plants {
			rate, err := b.ingestRound(ctx, c, p, t.row(p.name, fmt.Sprintf("%d clients", p.clients)))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			b.logf("ingest %d/%d %s: %.0f points/CPU s", round+1, b.rounds, p.name, rate)
		}
	}
	return t, nil
}

func (b *runner) ingestRound(ctx context.Context, c *process, p *generator, r *row) (float64, error) {
	receipt := fmt.Appendf(nil, `{"accepted":%d,"rejected":0,`, p.objects*p.values)
	l := httpLoad{address: c.address, clients: p.clients, request: p.appendRequest, check: func(a response) error {
		if a.status == 200 && !bytes.HasPrefix(a.body, receipt) {
			return fmt.Errorf("not all accepted: %.100s", a.body)
		}
		return isOK(a)
	}}
	got, used, err := b.measureHTTP(ctx, c, l)
	if err != nil {
		return 0, err
	}
	n := float64(got.requests)
	points := n * float64(p.objects*p.values)
	r.add("points_per_cpu_second", points/used.Seconds())
	r.add("points_per_second", points/got.elapsed.Seconds())
	r.add("requests_per_second", n/got.elapsed.Seconds())
	r.add("p50_ms", got.latency.millis(50))
	r.add("p99_ms", got.latency.millis(99))
	r.addErrors(got.failures)
	return points / used.Seconds(), nil
}

// request appends a POST with the next readings.
func (p *generator) appendRequest(dst []byte) []byte {
	f := jsonFormat
	if p.objects == 1 {
		f.begin, f.end = "", ""
	}
	return p.appendPost(dst, f)
}

// object appends what one machine sends at one time.
func (p *generator) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"machine":"bench-`...)
	dst = strconv.AppendInt(dst, int64(p.machine), 10)
	dst = append(dst, `","ts":`...)
	dst = strconv.AppendInt(dst, p.at, 10)
	dst = append(dst, `,"values":{`...)
	for i := range p.values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `"metric_`...)
		dst = strconv.AppendInt(dst, int64(i), 10)
		dst = append(dst, `":`...)
		dst = strconv.AppendFloat(dst, p.value(i), 'f', 3, 64)
	}
	p.advance()
	return append(dst, "}}"...)
}

// advance goes on to the next machine, after the last to the next time.
func (p *generator) advance() {
	if p.machine++; p.machine*p.values >= generatorSeries {
		p.machine = 0
		p.at += generatorStep
	}
}

// value is a slow wave with some noise, to three decimals, as a sensor has it.
func (p *generator) value(metric int) float64 {
	wave := 20 * math.Sin(float64(p.at)/600_000+float64(p.machine+metric))
	noise := float64(uint64(p.at/generatorStep+int64(p.machine*31+metric*7))*2654435761%1000) / 1000
	return 60 + wave + noise
}
