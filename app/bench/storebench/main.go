// Command storage puts readings into a store and reads them back, in a process
// of its own, so that the processor time and the memory that it tells are the
// store's. The benchmark starts it once for each engine and job:
//
//   - append: readings made durable, in batches, until nothing is left to do
//   - read: points, buckets and the newest readings; appends beside that
//   - growth: what a point costs while the store grows
//   - day: a day of ten thousand series, as fast as it goes
//   - control: what a point costs in a new store, for growth and day
//   - serve: an HTTP server that takes line protocol
//
// Each result is one line of JSON on standard output (see result). The engines
// are ours and what one would build without them; see engine.
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

// settings are what the command line says.
type settings struct {
	engine, job string
	// path is the file of an embedded engine, url that of a PostgreSQL database.
	path, url string
	// server is the first process of PostgreSQL, whose processor time counts.
	server int
	// data is "regular" or the pattern of CSV files.
	data           string
	series, points int
	batch, rounds  int
	milestones     []int
	hours          float64
	address        string
	profile        string
}

// result is a set of figures of one mode, by key.
type result struct {
	Mode    string             `json:"mode"`
	Figures map[string]float64 `json:"figures"`
}

// tell prints a result.
type reportFunc func(mode string, figures map[string]float64) error

var jobs = map[string]func(context.Context, settings, reportFunc) error{
	"append": runAppend, "read": runRead, "growth": runGrowth, "day": runDay, "serve": runServe,
	"control": runControl,
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

// run does one job.
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

// parse reads the command line.
func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	set := flag.NewFlagSet("storebench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&s.engine, "engine", sqliteName, "`name` of the engine")
	set.StringVar(&s.job, "job", "append", "`name` of the job")
	set.StringVar(&s.path, "path", "", "`file` of an embedded engine")
	set.StringVar(&s.url, "url", "", "connection `string` of a PostgreSQL database")
	set.IntVar(&s.server, "server", 0, "`pid` of PostgreSQL, to count its processor time, too")
	set.StringVar(&s.data, "data", regularData, "what to append: "+regularData+", or the `pattern` of CSV files")
	set.IntVar(&s.series, "series", 1000, "`number` of series of regular data")
	set.IntVar(&s.points, "points", 512_000, "`number` of regular points")
	set.IntVar(&s.batch, "batch", 1000, "`number` of readings in an append")
	set.IntVar(&s.rounds, "rounds", 3, "`number` of times that something is read")
	set.Func("milestone", "`millions` of points at which growth tells its figures; may be given several times", func(text string) error {
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil || n < 1 {
			return errors.New("want a whole number from 1")
		}
		s.milestones = append(s.milestones, n)
		return nil
	})
	set.Float64Var(&s.hours, "hours", 24, "`hours` of data that day appends")
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
		return s, errors.New("want --path of an embedded engine, --url of another, which neither grows nor has a day")
	}
	if s.series < 1 || s.points < 1 || s.batch < 1 || s.rounds < 1 || s.hours <= 0 || s.hours > 24*366 || !slices.IsSorted(s.milestones) {
		return s, errors.New("want positive numbers, and milestones in order")
	}
	return s, nil
}
