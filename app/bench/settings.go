package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// settings is the parsed command line.
type settings struct {
	only           []string
	rounds         int
	seconds        time.Duration
	settle         time.Duration
	workers        int
	skipReferences bool
	// subscribers is for fanout, connections for idle.
	subscribers, connections int
	dir                      string
	json                     string
	nginx                    string
	noPostgres               bool
	// recordings is the directory of the public data sets; hours is for day.
	recordings string
	hours      float64
	progress   io.Writer
}

// The benchmarks run in this order, the optional ones only if they are named. A
// group is a name for several.
var (
	defaultBenchmarks  = []string{"health", "ingest", "start", "append", "read", "write", "growth", "plant", "echo", "fanout", "idle"}
	optionalBenchmarks = []string{"day"}
	benchmarkGroups    = map[string][]string{"store": {"append", "read", "write", "growth"}}
)

// parse parses the command line.
func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{progress: stderr}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	only := set.String("only", strings.Join(defaultBenchmarks, ","), "comma-separated `benchmarks` to run; also day, and store for append, read, write and growth")
	set.IntVar(&s.rounds, "rounds", 5, "`number` of rounds")
	seconds := set.Float64("seconds", 1.5, "`seconds` of load per server and round")
	settle := set.Float64("settle", 10, "`seconds` to wait before idle connections are measured")
	set.IntVar(&s.workers, "workers", runtime.GOMAXPROCS(0), "`number` of workers of each server, also its GOMAXPROCS")
	set.IntVar(&s.subscribers, "subscribers", 1000, "`number` of subscribers of fanout")
	set.IntVar(&s.connections, "connections", 10_000, "`number` of connections of idle")
	set.BoolVar(&s.skipReferences, "alone", false, "run the WebSocket benchmarks without the servers compared with")
	set.StringVar(&s.recordings, "recordings", filepath.Join("..", "shared", "data"), "`directory` of the data sets nab and skab")
	set.Float64Var(&s.hours, "hours", 24, "`hours` of data for day, 36 million points each")
	set.StringVar(&s.dir, "dir", "", "`directory` for the data (default: the directory for temporary files)")
	set.StringVar(&s.json, "json", "", "also write the results to `FILE` as JSON")
	if err := set.Parse(args); err != nil {
		return s, err
	}
	for name := range strings.SplitSeq(*only, ",") {
		if group, ok := benchmarkGroups[name]; ok {
			s.only = append(s.only, group...)
		} else {
			s.only = append(s.only, name)
		}
	}
	s.seconds = time.Duration(*seconds * float64(time.Second))
	s.settle = time.Duration(*settle * float64(time.Second))
	for _, name := range s.only {
		if !slices.Contains(defaultBenchmarks, name) && !slices.Contains(optionalBenchmarks, name) {
			return s, fmt.Errorf("--only %s: unknown; the benchmarks are %s, %s, store", name, strings.Join(defaultBenchmarks, ", "), strings.Join(optionalBenchmarks, ", "))
		}
	}
	if s.subscribers < 1 || s.subscribers > maxClients || s.connections < 1 || s.connections > maxClients {
		return s, fmt.Errorf("want --subscribers and --connections from 1 to %d", maxClients)
	}
	if set.NArg() > 0 || s.rounds < 1 || s.workers < 1 || s.seconds < 100*time.Millisecond || s.seconds > 10*time.Minute || s.settle < 0 || s.settle > 10*time.Minute {
		return s, errors.New("want --rounds and --workers of at least 1, --seconds from 0.1 to 600, --settle from 0 to 600, and no arguments")
	}
	if !(s.hours > 0 && s.hours <= 24*31) {
		return s, errors.New("want --hours above 0 and up to 744")
	}
	_, err := findInitdb()
	s.noPostgres = err != nil
	if path, err := exec.LookPath("nginx"); err == nil {
		s.nginx = path
	} else if _, err := os.Stat("/usr/sbin/nginx"); err == nil {
		s.nginx = "/usr/sbin/nginx" // not in every user's PATH
	}
	return s, nil
}

// save writes the results as JSON if the settings name a file.
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

// logf writes a line of progress.
func (s settings) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.progress, format+"\n", args...)
}
