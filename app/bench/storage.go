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
	ourFile     = "ours, SQLite"
	rowsFile    = "SQLite, a row per point"
	ourPostgres = "ours, PostgreSQL"
	plainTable  = "PostgreSQL, COPY"
)

// storageEngine is one of those that the program storage knows.
type storageEngine struct {
	who, flag string
	served    bool // by PostgreSQL
	peer      bool // not ours
}

var storageEngines = []storageEngine{
	{who: ourFile, flag: "sqlite"},
	{who: rowsFile, flag: "rows", peer: true},
	{who: ourPostgres, flag: "postgres", served: true},
	{who: plainTable, flag: "copy", served: true, peer: true},
}

// figures is what the program storage tells of one mode.
type figures struct {
	Mode    string             `json:"mode"`
	Figures map[string]float64 `json:"figures"`
}

// storageRounds is how often an engine is measured: what fills a disk takes
// longer than a request.
func (b *bench) storageRounds() int { return min(b.rounds, 3) }

// enginesBeside returns the engines that can be measured; without PostgreSQL
// those that need none.
func enginesBeside(p *postgresServer) (all []storageEngine) {
	for _, e := range storageEngines {
		if p != nil || !e.served {
			all = append(all, e)
		}
	}
	return all
}

// withPostgres calls measure with a server, or with nil where none is
// installed.
func (b *bench) withPostgres(ctx context.Context, measure func(*postgresServer) error) error {
	if b.noPostgres {
		return measure(nil)
	}
	p, err := b.startPostgres(ctx)
	if err != nil {
		return err
	}
	defer b.endPostgres(p)
	return measure(p)
}

// place where an engine keeps its data: the flags that say so, and the
// connection string if it is a database. leave removes the data.
func (b *bench) storagePlace(ctx context.Context, e storageEngine, p *postgresServer) (args []string, database string, leave func() error, err error) {
	if e.served {
		database, leave, err = p.database(ctx)
		return []string{"-url", database, "-server", strconv.Itoa(p.cmd.Process.Pid)}, database, leave, err
	}
	b.runs++
	dir := filepath.Join(b.dir, "run"+strconv.Itoa(b.runs))
	leave = func() error { return os.RemoveAll(dir) }
	return []string{"-path", filepath.Join(dir, "bench.db")}, "", leave, os.Mkdir(dir, 0o755)
}

// store runs a job of the program storage on an engine with nothing in it, and
// calls hear with each result as it comes.
func (b *bench) store(ctx context.Context, e storageEngine, p *postgresServer, hear func(figures), args ...string) (err error) {
	place, _, leave, err := b.storagePlace(ctx, e, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "storage"), append(append(args, "-engine", e.flag), place...)...)
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
		return fmt.Errorf("%s, %v: %w", e.who, args, ended)
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
func against(t *table, who, key, ratio string) {
	others := make(map[string]spread)
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
