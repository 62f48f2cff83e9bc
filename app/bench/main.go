package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what the command line says.
type settings struct {
	only           []string
	rounds         int
	seconds        time.Duration
	settle         time.Duration
	workers        int
	skipReferences bool
	// subscribers are those of fanout, connections those of idle.
	subscribers, connections int
	dir                      string
	json                     string
	nginx                    string
	noPostgres               bool
	// recordings is the folder of the public data sets, hours how many day has.
	recordings string
	hours      float64
	progress   io.Writer
}

// subjects are measured in this order, those on request only when they are
// named. A group stands for some of them.
var (
	defaultBenchmarks  = []string{"health", "ingest", "start", "append", "read", "write", "growth", "echo", "fanout", "idle"}
	optionalBenchmarks = []string{"day"}
	benchmarkGroups    = map[string][]string{"store": {"append", "read", "write", "growth"}}
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

// run measures all that is asked for and prints it. Every server that it
// starts has ended when it returns.
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
		"append": b.append, "read": b.read, "write": b.write, "growth": b.growth, "day": b.day,
	}
	_, _ = fmt.Fprintf(stdout, "%d workers on %d CPUs, %s; %d rounds of %v; medians (least-most)\n",
		s.workers, runtime.NumCPU(), runtime.Version(), s.rounds, s.seconds)
	if err := b.prepare(ctx, stdout); err != nil {
		return err
	}
	results := make(map[string]*table)
	for _, subject := range s.only {
		t, err := measure[subject](ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", subject, err)
		}
		results[subject] = t
		if err := t.write(stdout); err != nil {
			return err
		}
	}
	return s.save(results)
}

// prepare makes the binaries that the subjects need, and tells which peers are
// missing.
func (b *runner) prepare(ctx context.Context, stdout io.Writer) error {
	wants := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(b.only, name) })
	}
	if b.nginx == "" && wants("health") {
		_, _ = fmt.Fprintln(stdout, "nginx is not installed, so it is not compared")
	}
	if b.noPostgres && wants("append", "read", "write") {
		_, _ = fmt.Fprintln(stdout, "PostgreSQL is not installed, so it is not compared")
	}
	if wants("append") && !b.hasRecordings() {
		_, _ = fmt.Fprintf(stdout, "there are no recordings in %s, so none are appended\n", b.recordings)
	}
	for name, users := range map[string][]string{
		"server":     {"health", "ingest", "start", "write"},
		"fasthttp":   {"health", "start"},
		"storebench": {"append", "read", "write", "growth", "day"},
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

// save writes the results as JSON, if asked for.
func (s settings) save(results map[string]*table) error {
	if s.json == "" {
		return nil
	}
	raw, err := json.MarshalIndent(map[string]any{
		"workers": s.workers, "cpus": runtime.NumCPU(), "go": runtime.Version(), "rounds": s.rounds,
		"seconds": s.seconds.Seconds(), "results": results,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.json, append(raw, '\n'), 0o644)
}

// note tells how it goes on.
func (s settings) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.progress, format+"\n", args...)
}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{progress: stderr}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	only := set.String("only", strings.Join(defaultBenchmarks, ","), "`subjects` to measure, separated by commas; also day, and store for all about that")
	set.IntVar(&s.rounds, "rounds", 5, "`number` of rounds")
	seconds := set.Float64("seconds", 1.5, "`seconds` that each server is loaded in a round")
	settle := set.Float64("settle", 10, "`seconds` after which connections count as idle")
	set.IntVar(&s.workers, "workers", runtime.GOMAXPROCS(0), "`number` of workers of each server, and its GOMAXPROCS")
	set.IntVar(&s.subscribers, "subscribers", 1000, "`number` of clients in the room of fanout")
	set.IntVar(&s.connections, "connections", 10_000, "`number` of connections of idle")
	set.BoolVar(&s.skipReferences, "alone", false, "leave the peers out of what WebSockets do")
	set.StringVar(&s.recordings, "recordings", filepath.Join("..", "shared", "data"), "`directory` with the data sets nab and skab")
	set.Float64Var(&s.hours, "hours", 24, "`hours` of data that day appends, 36 million points each")
	set.StringVar(&s.dir, "dir", "", "`directory` for the data (default: that for temporary files)")
	set.StringVar(&s.json, "json", "", "write the results to `FILE`, too")
	if err := set.Parse(args); err != nil {
		return s, err
	}
	for subject := range strings.SplitSeq(*only, ",") {
		if group, ok := benchmarkGroups[subject]; ok {
			s.only = append(s.only, group...)
		} else {
			s.only = append(s.only, subject)
		}
	}
	s.seconds = time.Duration(*seconds * float64(time.Second))
	s.settle = time.Duration(*settle * float64(time.Second))
	for _, subject := range s.only {
		if !slices.Contains(defaultBenchmarks, subject) && !slices.Contains(optionalBenchmarks, subject) {
			return s, fmt.Errorf("--only %s: want some of %s, %s, store", subject, strings.Join(defaultBenchmarks, ", "), strings.Join(optionalBenchmarks, ", "))
		}
	}
	if s.subscribers < 1 || s.subscribers > maxClients || s.connections < 1 || s.connections > maxClients {
		return s, fmt.Errorf("want --subscribers and --connections from 1 to %d", maxClients)
	}
	if set.NArg() > 0 || s.rounds < 1 || s.workers < 1 || s.seconds < 100*time.Millisecond || s.seconds > 10*time.Minute || s.settle < 0 || s.settle > 10*time.Minute {
		return s, errors.New("want --rounds and --workers of at least 1, --seconds from 0.1 to 600, --settle up to 600, and nothing else")
	}
	if !(s.hours > 0 && s.hours <= 24*31) {
		return s, errors.New("want --hours of up to a month")
	}
	_, err := findInitdb()
	s.noPostgres = err != nil
	if path, err := exec.LookPath("nginx"); err == nil {
		s.nginx = path
	} else if _, err := os.Stat("/usr/sbin/nginx"); err == nil {
		s.nginx = "/usr/sbin/nginx" // not on every user's path
	}
	return s, nil
}
