package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"smart-factory-backend/app/cli/replay"
)

const replayDetails = `By default, at the speed at which it was recorded. A FILE is CSV with a header:
the timestamp first (2006-01-02 15:04:05 in UTC, RFC 3339 or Unix milliseconds),
then one column per metric, separated by comma, semicolon or tab. The machine is
named after the file, and a metric after its column in snake_case. Or a FILE is
NDJSON: telemetry and events, each as the API takes them. Files of one machine are
posted in sequence, those of different machines concurrently.`

func replayCommand() command {
	return command{
		name: "replay", options: "[flags]", arguments: "FILE…", run: runReplay, parsesFlags: true,
		summary: "post a recorded data set to a server", details: replayDetails,
	}
}

// metricNames holds the --map flags: the metric of each renamed column.
type metricNames map[string]string

func (r metricNames) String() string { return "" }

func (r metricNames) Set(pair string) error {
	at := strings.LastIndexByte(pair, '=')
	if at <= 0 || at == len(pair)-1 {
		return errors.New("want COLUMN=METRIC")
	}
	r[pair[:at]] = pair[at+1:]
	return nil
}

// replayConfig holds the flags of replay.
type replayConfig struct {
	replay.Options
	fast, json bool
}

// runReplay posts recordings to a server. It returns nil only if the server
// accepted every reading.
func runReplay(ctx context.Context, args []string, p process) error {
	f, err := parseReplay(args, p)
	if err != nil {
		return err
	}
	summary, err := replay.Run(ctx, f.Options)
	if errors.Is(err, replay.ErrOptions) {
		return usageError(err.Error())
	}
	if err != nil {
		return err
	}
	if f.json {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		err = out.Encode(summary)
	} else {
		err = summary.WriteText(p.stdout, f.State)
	}
	if err == nil && (summary.Interrupted || !summary.OK()) {
		return errReported
	}
	return err
}

// parseReplay parses the command line, in which flags may also follow files.
func parseReplay(args []string, p process) (replayConfig, error) {
	var f replayConfig
	set := f.flagSet(p)
	for {
		if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
			replayCommand().writeHelp(p.stdout, set)
			return f, err
		} else if err != nil {
			return f, usageError(err.Error())
		}
		if set.NArg() == 0 {
			break
		}
		f.Files = append(f.Files, set.Arg(0))
		args = set.Args()[1:]
	}
	paced := false
	set.Visit(func(fl *flag.Flag) { paced = paced || fl.Name == "speed" })
	switch {
	case f.fast && paced:
		return f, usageError("--speed and --fast exclude each other")
	case f.fast:
		f.Speed = 0
	case f.Speed <= 0:
		return f, usageError(fmt.Sprintf("--speed %v is not above 0", f.Speed))
	}
	f.Key = cmp.Or(f.Key, p.getenv("API_KEY"))
	f.Progress = replay.NewProgress(p.stderr)
	return f, nil
}

// flagSet returns the flags, bound to f.
func (f *replayConfig) flagSet(p process) *flag.FlagSet {
	set := flag.NewFlagSet("replay", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller reports errors
	f.Columns.Rename = make(metricNames)
	set.StringVar(&f.URL, "url", "http://127.0.0.1:"+cmp.Or(p.getenv("PORT"), "3000"), "`URL` of the server")
	set.StringVar(&f.Key, "key", "", "API `key`; better given as API_KEY in the environment")
	set.StringVar(&f.Machine, "machine", "", "`name` of the machine, for all files (default: the file's name without extension)")
	set.StringVar(&f.Columns.Metric, "metric", "", "`name` of the metric of a file with one value column (default: its header)")
	set.Var(metricNames(f.Columns.Rename), "map", "`COLUMN=METRIC` names a column's metric; may be repeated")
	set.BoolVar(&f.Columns.Labels, "labels", false, "also send the columns anomaly and changepoint")
	set.Float64Var(&f.Speed, "speed", 1, "speed as a `multiple` of the recorded one")
	set.BoolVar(&f.fast, "fast", false, "as fast as the server accepts it")
	set.BoolVar(&f.ShiftToNow, "shift-to-now", false, "replace each timestamp by the time of sending; with --fast, shift the recording so that it ends now")
	set.IntVar(&f.Batch, "batch", 1000, "maximum number of `points` per request")
	set.IntVar(&f.Clients, "clients", 0, "`number` of machines replayed concurrently (default: all, with --fast 4)")
	set.BoolVar(&f.Gzip, "gzip", false, "compress requests")
	set.DurationVar(&f.RetryFor, "retry-for", time.Minute, "how long to retry a request while the server is unreachable or overloaded")
	set.Int64Var(&f.SkipRows, "skip-rows", 0, "number of `rows` to skip at the beginning of the file")
	set.StringVar(&f.State, "state", "", "record in `FILE` what the server has acknowledged, and continue from there if it exists")
	set.BoolVar(&f.json, "json", false, "print the summary as JSON")
	return set
}
