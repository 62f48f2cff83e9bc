package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// Names of the engines in the tables.
const (
	productSQLite   = "ours, SQLite"
	plainSQLite     = "SQLite, a row per point"
	productPostgres = "ours, PostgreSQL"
	plainPostgres   = "PostgreSQL, COPY"
)

// storeEngine is an engine of the program storebench.
type storeEngine struct {
	name, flag string
	postgres   bool // uses a PostgreSQL server
	reference  bool // not the product's
}

var storeEngines = []storeEngine{
	{name: productSQLite, flag: "sqlite"},
	{name: plainSQLite, flag: "rows", reference: true},
	{name: productPostgres, flag: "postgres", postgres: true},
	{name: plainPostgres, flag: "copy", postgres: true, reference: true},
}

// figures is one result of storebench.
type figures struct {
	Mode    string             `json:"mode"`
	Figures map[string]float64 `json:"figures"`
}

// storeRounds is the number of rounds per engine, limited because each takes long.
func (b *runner) storeRounds() int { return min(b.rounds, 3) }

// availableEngines returns the engines that can be measured; if p is nil, those
// without PostgreSQL.
func availableEngines(p *postgresServer) (all []storeEngine) {
	for _, e := range storeEngines {
		if p != nil || !e.postgres {
			all = append(all, e)
		}
	}
	return all
}

// withPostgres calls measure with a server, or with nil if PostgreSQL is not
// installed.
func (b *runner) withPostgres(ctx context.Context, measure func(*postgresServer) error) error {
	if b.noPostgres {
		return measure(nil)
	}
	p, err := b.startPostgres(ctx)
	if err != nil {
		return err
	}
	defer b.stopPostgres(p)
	return measure(p)
}

// newDatabase returns an empty place for an engine's data: the flags of storebench
// that select it, and the connection string if it is in PostgreSQL. remove removes
// the data.
func (b *runner) newDatabase(ctx context.Context, e storeEngine, p *postgresServer) (args []string, database string, remove func() error, err error) {
	if e.postgres {
		database, remove, err = p.createDatabase(ctx)
		return []string{"-url", database, "-server", strconv.Itoa(p.cmd.Process.Pid)}, database, remove, err
	}
	b.lastRun++
	dir := filepath.Join(b.dir, "run"+strconv.Itoa(b.lastRun))
	remove = func() error { return os.RemoveAll(dir) }
	return []string{"-path", filepath.Join(dir, "bench.db")}, "", remove, os.Mkdir(dir, 0o755)
}

// runStoreJob runs a job of storebench on an empty engine, and calls add with each
// result.
func (b *runner) runStoreJob(ctx context.Context, e storeEngine, p *postgresServer, add func(figures), args ...string) (err error) {
	place, _, remove, err := b.newDatabase(ctx, e, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "storebench"), append(append(args, "-engine", e.flag), place...)...)
	cmd.Env = []string{"GOMAXPROCS=" + strconv.Itoa(b.workers), "TMPDIR=" + b.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = b.progress
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	in := json.NewDecoder(out)
	for {
		var f figures
		if err = in.Decode(&f); err != nil {
			break
		}
		add(f)
	}
	if ended := cmd.Wait(); ended != nil {
		return fmt.Errorf("%s, %v: %w", e.name, args, ended)
	}
	return nil
}

// addAll adds the figures of one result to the row.
func (r *row) addAll(figures map[string]float64) {
	for key, value := range figures {
		r.add(key, value)
	}
}

// addRatios adds to each row the ratios of its figures to those of the row base
// in the same mode and round, if there is one.
func addRatios(t *table, base, key, ratio string) {
	baseFigures := make(map[string]rounds)
	for _, r := range t.Rows {
		if r.Who == base {
			baseFigures[r.Mode] = r.Figures[key]
		}
	}
	for _, r := range t.Rows {
		figures, bases := r.Figures[key], baseFigures[r.Mode]
		for i := range min(len(figures), len(bases)) {
			r.add(ratio, figures[i]/bases[i])
		}
	}
}
