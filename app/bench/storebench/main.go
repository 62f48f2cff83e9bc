// Command storebench appends readings to a store and reads them back. It is a
// program of its own, so that the CPU time and the memory that it reports are the
// store's. The benchmark starts it once per engine and job:
//
//   - append: makes readings durable, in batches, until the store has settled
//   - read: reads points, buckets and the latest readings; appends during reads
//   - growth: reports the cost of a point while the store grows
//   - day: appends a day of 10 000 series
//   - control: reports the cost of a point in a new store, for growth and day
//   - plant: appends events of machines, and computes OEE; only the product's engines
//   - serve: serves line protocol over HTTP
//
// Each result is one line of JSON on standard output (see result). The engines are
// the product's and simple alternatives (see engine).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// settings is the parsed command line.
type settings struct {
	engine, job string
	// path is the file of an embedded engine, url the connection string of a
	// PostgreSQL database.
	path, url string
	// server is the PID of PostgreSQL's postmaster, whose CPU time is added; 0
	// is none.
	server int
	// data is regularData or a pattern of CSV files.
	data           string
	series, points int
	batch, rounds  int
	milestones     []int
	hours          float64
	address        string
	profile        string
}

// result holds the figures of one mode, by key.
type result struct {
	Mode    string             `json:"mode"`
	Figures map[string]float64 `json:"figures"`
}

// reportFunc writes a result.
type reportFunc func(mode string, figures map[string]float64) error

var jobs = map[string]func(context.Context, settings, reportFunc) error{
	"append": runAppend, "read": runRead, "growth": runGrowth, "day": runDay, "serve": runServe,
	"control": runControl, "plant": runPlant,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "storebench:", err)
		stop()
		os.Exit(1)
	}
}

// run runs one job.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if s.profile != "" {
		end, err := startProfile(s.profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	out := json.NewEncoder(stdout)
	return jobs[s.job](ctx, s, func(mode string, figures map[string]float64) error {
		return out.Encode(result{mode, figures})
	})
}

// parse parses the command line.
func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	set := flag.NewFlagSet("storebench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&s.engine, "engine", sqliteName, "`name` of the engine")
	set.StringVar(&s.job, "job", "append", "`name` of the job")
	set.StringVar(&s.path, "path", "", "`file` of an embedded engine")
	set.StringVar(&s.url, "url", "", "connection `string` of a PostgreSQL database")
	set.IntVar(&s.server, "server", 0, "`pid` of PostgreSQL, to add its CPU time")
	set.StringVar(&s.data, "data", regularData, "what to append: "+regularData+", or the `pattern` of CSV files")
	set.IntVar(&s.series, "series", 1000, "`number` of series of regular data")
	set.IntVar(&s.points, "points", 512_000, "`number` of regular points")
	set.IntVar(&s.batch, "batch", 1000, "`number` of readings in an append")
	set.IntVar(&s.rounds, "rounds", 3, "`number` of times that each query is measured")
	set.Func("milestone", "`millions` of points at which growth reports its figures; may be repeated", func(text string) error {
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil || n < 1 {
			return errors.New("want a whole number from 1")
		}
		s.milestones = append(s.milestones, n)
		return nil
	})
	set.Float64Var(&s.hours, "hours", 24, "`hours` of data for day")
	set.StringVar(&s.address, "address", "", "`host:port` that serve listens on")
	set.StringVar(&s.profile, "profile", "", "write a CPU profile to `FILE`")
	if err := set.Parse(args); err != nil {
		return s, err
	}
	if _, known := jobs[s.job]; !known || !slices.Contains(engineNames, s.engine) || set.NArg() > 0 {
		return s, fmt.Errorf("no job %q on engine %q", s.job, s.engine)
	}
	embedded := s.engine == sqliteName || s.engine == rowsName
	if embedded && s.path == "" || !embedded && (s.url == "" || s.job == "growth" || s.job == "day" || s.job == "control") {
		return s, errors.New("want --path for an embedded engine, --url for PostgreSQL, which has no jobs growth, day and control")
	}
	if s.series < 1 || s.points < 1 || s.batch < 1 || s.rounds < 1 || s.hours <= 0 || s.hours > 24*366 || !slices.IsSorted(s.milestones) {
		return s, errors.New("want positive numbers, and milestones in order")
	}
	return s, nil
}
