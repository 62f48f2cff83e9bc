package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// run runs the benchmarks of the command line and prints their tables. Every
// server that it started has ended when it returns.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.dir, "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &runner{settings: s, dir: dir, fanoutDrain: drainTimeout}
	measure := map[string]func(context.Context) (*table, error){
		"health": b.health, "ingest": b.ingest, "start": b.startup, "echo": b.echo, "fanout": b.fanout, "idle": b.idle,
		"append": b.append, "read": b.read, "write": b.write, "growth": b.growth, "day": b.day, "plant": b.plant,
	}
	_, _ = fmt.Fprintf(stdout, "%d workers on %d CPUs, %s; %d rounds of %v; medians (least-most)\n",
		s.workers, runtime.NumCPU(), runtime.Version(), s.rounds, s.seconds)
	if err := b.prepare(ctx, stdout); err != nil {
		return err
	}
	results := make(map[string]*table)
	for _, name := range s.only {
		t, err := measure[name](ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		results[name] = t
		if err := t.write(stdout); err != nil {
			return err
		}
	}
	return s.save(results)
}

// prepare builds the programs that the benchmarks need, and reports what is left
// out.
func (b *runner) prepare(ctx context.Context, stdout io.Writer) error {
	wants := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(b.only, name) })
	}
	if b.nginx == "" && wants("health") {
		_, _ = fmt.Fprintln(stdout, "nginx is left out: not installed")
	}
	if b.noPostgres && wants("append", "read", "write", "plant") {
		_, _ = fmt.Fprintln(stdout, "PostgreSQL is left out: not installed")
	}
	if wants("append") && !b.hasRecordings() {
		_, _ = fmt.Fprintf(stdout, "recordings are left out: none in %s\n", b.recordings)
	}
	for name, users := range map[string][]string{
		"server":     {"health", "ingest", "start", "write"},
		"fasthttp":   {"health", "start"},
		"storebench": {"append", "read", "write", "growth", "day", "plant"},
	} {
		if wants(users...) {
			if err := b.build(ctx, name); err != nil {
				return err
			}
		}
	}
	if wants("echo", "fanout", "idle") {
		return b.buildWebSocketServers(ctx, stdout)
	}
	return nil
}
