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

// storageEngine is one of those that the program storage knows.
type storeEngine struct {
	name, flag string
	postgres   bool // by PostgreSQL
	reference  bool // not ours
}

var storeEngines = []storeEngine{
	{name: productSQLite, flag: "sqlite"},
	{name: plainSQLite, flag: "rows", reference: true},
	{name: productPostgres, flag: "postgres", postgres: true},
	{name: plainPostgres, flag: "copy", postgres: true, reference: true},
}

// figures is what the program storage tells of one mode.
type figures struct {
	Mode    string             `json:"mode"`
	Figures map[string]float64 `json:"figures"`
}

// storageRounds is how often an engine is measured: what fills a disk takes
// longer than a request.
func (b *runner) storeRounds() int { return min(b.rounds, 3) }

// enginesBeside returns the engines that can be measured; without PostgreSQL
// those that need none.
func availableEngines(p *postgresServer) (all []storeEngine) {
	for _, e := range storeEngines {
		if p != nil || !e.postgres {
			all = append(all, e)
		}
	}
	return all
}

// withPostgres calls measure with a server, or with nil where none is
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

// place where an engine keeps its data: the flags that say so, and the
// connection string if it is a database. leave removes the data.
func (b *runner) newDatabase(ctx context.Context, e storeEngine, p *postgresServer) (args []string, database string, leave func() error, err error) {
	if e.postgres {
		database, leave, err = p.createDatabase(ctx)
		return []string{"-url", database, "-server", strconv.Itoa(p.cmd.Process.Pid)}, database, leave, err
	}
	b.lastRun++
	dir := filepath.Join(b.dir, "run"+strconv.Itoa(b.lastRun))
	leave = func() error { return os.RemoveAll(dir) }
	return []string{"-path", filepath.Join(dir, "bench.db")}, "", leave, os.Mkdir(dir, 0o755)
}

// store runs a job of the program storage on an engine with nothing in it, and
// calls hear with each result as it comes.
func (b *runner) runStoreJob(ctx context.Context, e storeEngine, p *postgresServer, hear func(figures), args ...string) (err error) {
	place, _, leave, err := b.newDatabase(ctx, e, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
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
		hear(f)
	}
	if ended := cmd.Wait(); ended != nil {
		return fmt.Errorf("%s, %v: %w", e.name, args, ended)
	}
	return nil
}

// addAll adds the figures of a result to a row.
func (r *row) addAll(figures map[string]float64) {
	for key, value := range figures {
		r.add(key, value)
	}
}

// against adds to each row of the table what its figures are of those of
// another engine in the same mode and round, where there is one.
func addRatios(t *table, who, key, ratio string) {
	others := make(map[string]rounds)
	for _, r := range t.Rows {
		if r.Who == who {
			others[r.Mode] = r.Figures[key]
		}
	}
	for _, r := range t.Rows {
		own, other := r.Figures[key], others[r.Mode]
		for i := range min(len(own), len(other)) {
			r.add(ratio, own[i]/other[i])
		}
	}
}
