package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// format is what telemetry is written in.
type format struct {
	name, path, contentType string
	// object appends what one machine sends at one time, after what begins and
	// before what ends a body.
	begin, end, between string
	appendObject        func(p *generator, dst []byte) []byte
	status              int
}

var (
	jsonFormat   = format{name: "JSON", path: "/api/v1/telemetry", contentType: "application/json", begin: "[", between: ",", end: "]", appendObject: (*generator).appendJSON, status: 200}
	ndjsonFormat = format{name: "NDJSON", path: "/api/v1/telemetry", contentType: "application/x-ndjson", between: "\n", appendObject: (*generator).appendJSON, status: 200}
	lineFormat   = format{name: "line protocol", path: "/api/v2/write?precision=ms", contentType: "text/plain", between: "\n", appendObject: (*generator).appendLine, status: noContent}
)

// writeShapes are the batches of write.
var writeShapes = []requestShape{
	{name: "125 x 8", clients: 8, objects: 125, values: 8},
	{name: "1000 x 1", clients: 8, objects: 1000, values: 1},
}

// writer is a server that is written to in a format.
type writeTarget struct {
	who        string
	format     format
	engine     storeEngine
	server     *process
	generators []*generator
}

// write measures telemetry in all formats over HTTP, with each engine behind.
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
				for _, plant := range w.generators {
					r := t.row(w.format.name+", "+plant.name, w.who)
					if err := b.writeRound(ctx, w, plant, p, r); err != nil {
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

// startWriters starts a server for each engine and has it written to in each
// format that it knows. end stops the servers, also after an error.
func (b *runner) startWriteTargets(ctx context.Context, p *postgresServer) (writers []*writeTarget, end func(), err error) {
	var leaves []func()
	end = func() {
		for _, leave := range leaves {
			leave()
		}
	}
	// Each writer has a month of its own, so that no reading is a repetition.
	at := time.Now().Add(-400 * 24 * time.Hour).UnixMilli()
	for _, e := range availableEngines(p) {
		args, database, leave, err := b.newDatabase(ctx, e, p)
		leaves = append(leaves, func() { _ = leave() })
		if err != nil {
			return nil, end, err
		}
		server, err := b.startWriteTarget(ctx, e, args, database)
		if err != nil {
			return nil, end, err
		}
		leaves = append([]func(){func() { b.stopServer(server) }}, leaves...)
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

// startWriter starts the server with an engine behind it: the real one, or one
// of the program storage.
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

func (b *runner) writeRound(ctx context.Context, w *writeTarget, p *generator, database *postgresServer, r *row) error {
	l := httpLoad{
		address: w.server.address, clients: p.clients,
		request: func(dst []byte) []byte { return p.appendPost(dst, w.format) },
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
	points := float64(got.requests * p.objects * p.values)
	r.add("points_per_cpu_second", points/used.Seconds())
	// The database's time has that of warming up in it, a tenth.
	r.add("points_per_cpu_second_in_all", points/(used.Seconds()+(after-before).Seconds()/1.1))
	r.add("points_per_second", points/got.elapsed.Seconds())
	r.add("p50_ms", got.latency.millis(50))
	r.add("p99_ms", got.latency.millis(99))
	r.addErrors(got.failures)
	return nil
}

// databaseTime is the CPU time of the database server, if there is one behind.
func (w *writeTarget) databaseTime(p *postgresServer) (time.Duration, error) {
	if !w.engine.postgres {
		return 0, nil
	}
	return p.cpuTime()
}

// post appends a POST with the next readings in a format.
func (p *generator) appendPost(dst []byte, f format) []byte {
	p.body = append(p.body[:0], f.begin...)
	for i := range p.objects {
		if i > 0 {
			p.body = append(p.body, f.between...)
		}
		p.body = f.appendObject(p, p.body)
	}
	p.body = append(p.body, f.end...)
	dst = append(dst, "POST "...)
	dst = append(dst, f.path...)
	dst = append(dst, " HTTP/1.1\r\nHost: bench\r\nContent-Type: "...)
	dst = append(dst, f.contentType...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(p.body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, p.body...)
}

// line appends what one machine sends at one time as a line of line protocol.
func (p *generator) appendLine(dst []byte) []byte {
	dst = append(dst, "opcua,machine=bench-"...)
	dst = strconv.AppendInt(dst, int64(p.machine), 10)
	for i := range p.values {
		separator := byte(',')
		if i == 0 {
			separator = ' '
		}
		dst = append(dst, separator)
		dst = append(dst, "metric_"...)
		dst = strconv.AppendInt(dst, int64(i), 10)
		dst = append(dst, '=')
		dst = strconv.AppendFloat(dst, p.value(i), 'f', 3, 64)
	}
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, p.at, 10)
	p.advance()
	return dst
}
