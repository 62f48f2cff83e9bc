package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// writeShapes are the request shapes of the benchmark write.
var writeShapes = []requestShape{
	{name: "125 x 8", clients: 8, objects: 125, values: 8},
	{name: "1000 x 1", clients: 8, objects: 1000, values: 1},
}

// writeTarget is a server that receives telemetry in one format.
type writeTarget struct {
	who        string
	format     format
	engine     storeEngine
	server     *process
	generators []*generator
}

// write measures telemetry in all formats over HTTP, with each store engine.
func (b *runner) write(ctx context.Context) (*table, error) {
	t := &table{
		Title: "batches of 1 000 points over HTTP, durable, 8 clients, 1 000 series; data on " + fileSystemName(b.dir),
		Goal:  "500 000 points/CPU s of JSON in batches of 1 000",
		Columns: []column{
			{"points_per_cpu_second", "points/CPU s", 0},
			{"rate_of_rows", "x rows", 2},
			{"points_per_cpu_second_in_all", "with database", 0},
			{"points_per_second", "points/s", 0},
			{"p50_ms", "p50 ms", 2},
			{"p99_ms", "p99 ms", 2},
		},
	}
	err := b.withPostgres(ctx, func(p *postgresServer) error {
		writers, end, err := b.startWriteTargets(ctx, p)
		defer end()
		if err != nil {
			return err
		}
		for round := range b.storeRounds() {
			for _, w := range writers {
				for _, g := range w.generators {
					r := t.row(w.format.name+", "+g.name, w.who)
					if err := b.writeRound(ctx, w, g, p, r); err != nil {
						return fmt.Errorf("%s, %s: %w", w.who, w.format.name, err)
					}
				}
				b.logf("write %d/%d %s, %s", round+1, b.storeRounds(), w.format.name, w.who)
			}
		}
		return nil
	})
	addRatios(t, plainSQLite, "points_per_cpu_second", "rate_of_rows")
	return t, err
}

// startWriteTargets starts a server for each engine, and returns a target for
// each format that it accepts. end stops the servers, also after an error.
func (b *runner) startWriteTargets(ctx context.Context, p *postgresServer) (writers []*writeTarget, end func(), err error) {
	var cleanups []func()
	end = func() {
		for _, remove := range cleanups {
			remove()
		}
	}
	// Each generator has its own time range, so that no reading is sent twice.
	at := time.Now().Add(-400 * 24 * time.Hour).UnixMilli()
	for _, e := range availableEngines(p) {
		args, database, remove, err := b.newDatabase(ctx, e, p)
		cleanups = append(cleanups, func() { _ = remove() })
		if err != nil {
			return nil, end, err
		}
		server, err := b.startWriteTarget(ctx, e, args, database)
		if err != nil {
			return nil, end, err
		}
		cleanups = append([]func(){func() { b.stopServer(server) }}, cleanups...)
		formats := []format{jsonFormat, ndjsonFormat, lineFormat}
		if e.reference {
			formats = formats[2:]
		}
		for _, f := range formats {
			w := &writeTarget{who: e.name, format: f, engine: e, server: server}
			for _, s := range writeShapes {
				w.generators = append(w.generators, &generator{requestShape: s, at: at})
				at += (20 * 24 * time.Hour).Milliseconds()
			}
			writers = append(writers, w)
		}
	}
	return writers, end, nil
}

// startWriteTarget starts a server with an engine: the product, or that of
// storebench.
func (b *runner) startWriteTarget(ctx context.Context, e storeEngine, args []string, database string) (*process, error) {
	dir, address, err := b.newRun()
	if err != nil {
		return nil, err
	}
	cmd := b.productCommand(dir, address)
	if database != "" && !e.reference {
		cmd.Env = append(cmd.Env, "DATABASE_URL="+database)
	}
	if e.reference {
		cmd = exec.Command(filepath.Join(b.dir, "storebench"), append([]string{"-job", "serve", "-engine", e.flag, "-address", address.String()}, args...)...)
	}
	c, err := b.startProcess(cmd, address, dir)
	if err != nil {
		return nil, err
	}
	if _, err := c.waitReady(ctx, []byte(healthRequest)); err != nil {
		b.stopServer(c)
		return nil, err
	}
	return c, nil
}

func (b *runner) writeRound(ctx context.Context, w *writeTarget, g *generator, database *postgresServer, r *row) error {
	l := httpLoad{
		address: w.server.address, clients: g.clients,
		request: func(dst []byte) []byte { return g.appendPost(dst, w.format) },
		check: func(a response) error {
			if a.status != w.format.status {
				return fmt.Errorf("status %d: %.100s", a.status, a.body)
			}
			return nil
		},
	}
	before, err := w.databaseTime(database)
	if err != nil {
		return err
	}
	got, used, err := b.measureHTTP(ctx, w.server, l)
	if err != nil {
		return err
	}
	after, err := w.databaseTime(database)
	if err != nil {
		return err
	}
	points := float64(got.requests * g.objects * g.values)
	r.add("points_per_cpu_second", points/used.Seconds())
	// The database's CPU time includes the warm-up, a tenth of the time.
	r.add("points_per_cpu_second_in_all", points/(used.Seconds()+(after-before).Seconds()/1.1))
	r.add("points_per_second", points/got.elapsed.Seconds())
	r.add("p50_ms", got.latency.millis(50))
	r.add("p99_ms", got.latency.millis(99))
	r.addErrors(got.failures)
	return nil
}

// databaseTime returns the CPU time of the database server, 0 without one.
func (w *writeTarget) databaseTime(p *postgresServer) (time.Duration, error) {
	if !w.engine.postgres {
		return 0, nil
	}
	return p.cpuTime()
}
