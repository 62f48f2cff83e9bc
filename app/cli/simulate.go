package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"smart-factory-backend/app/cli/simulate"
)

const simulateDetails = `A plant of two lines and eight machines: states, counts, faults, temperatures,
alarms. It creates machines, products, shifts and alarm rules through the HTTP API
where they are missing, and changes nothing that is there. With API_KEYS it needs a
key with the role admin. End it with Ctrl-C.`

func simulateCommand() command {
	return command{
		name: "simulate", options: "[flags]", run: runSimulate, parsesFlags: true,
		summary: "report a plausible small plant to a server", details: simulateDetails,
	}
}

func runSimulate(ctx context.Context, args []string, p process) error {
	o := simulate.Options{Log: p.stderr}
	set := flag.NewFlagSet("simulate", flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller reports errors
	set.StringVar(&o.URL, "url", "http://127.0.0.1:"+cmp.Or(p.getenv("PORT"), "3000"), "`URL` of the server")
	set.StringVar(&o.Key, "key", "", "API `key`; better given as API_KEY in the environment")
	set.Float64Var(&o.Days, "days", 0, "`number` of past days to fill in first, as far as they are missing")
	set.Uint64Var(&o.Seed, "seed", 1, "`number` that determines the plant")
	set.IntVar(&o.Machines, "machines", 8, "least `number` of machines")
	set.StringVar(&o.Zone, "tz", localZone(), "time `zone` of the shifts")
	fast := set.Bool("fast", false, "let faults, changes of product and alarms come ten times as often")
	if err := set.Parse(args); err != nil {
		if err == flag.ErrHelp { //nolint:errorlint // Parse returns the very value
			simulateCommand().writeHelp(p.stdout, set)
			return err
		}
		return usageError(err.Error())
	}
	switch {
	case set.NArg() > 0:
		return usageError(fmt.Sprintf("simulate takes no argument, such as %q", set.Arg(0)))
	case o.Days < 0 || o.Days > 400:
		return usageError(fmt.Sprintf("--days %v is not between 0 and 400", o.Days))
	case o.Machines < 1 || o.Machines > 10_000:
		return usageError(fmt.Sprintf("--machines %d is not between 1 and 10000", o.Machines))
	}
	if _, err := time.LoadLocation(o.Zone); err != nil {
		return usageError(fmt.Sprintf("--tz %q is no time zone, such as Europe/Berlin", o.Zone))
	}
	o.Key = cmp.Or(o.Key, p.getenv("API_KEY"))
	o.EventRate = 1
	if *fast {
		o.EventRate = 10
	}
	return simulate.Run(ctx, o)
}

// localZone returns the IANA name of the local zone, or that of the simulated plant if
// it is unknown or UTC.
func localZone() string {
	if name := time.Local.String(); name != "Local" && name != "UTC" { //nolint:gosmopolitan // the plant is where its operator is
		return name
	}
	return "Europe/Berlin"
}
