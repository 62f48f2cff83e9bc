package cli

import (
	"context"
	"flag"
	"io"
	"time"

	"smart-factory-backend/app/control"
)

// rateInterval is the time over which request rates are measured.
const rateInterval = 250 * time.Millisecond

func statusCommand() command {
	var watch, asJSON bool
	return command{
		name: "status", options: "[--watch] [--json]",
		summary: "show the status of the running server and its workers",
		details: `Requests per second are measured over a quarter of a second, with --watch over
a second. --watch --json prints one line of JSON every second.

` + controlSocketHelp,
		flags: func(f *flag.FlagSet) {
			f.BoolVar(&watch, "watch", false, "refresh every second until Ctrl-C")
			f.BoolVar(&asJSON, "json", false, "print JSON")
		},
		run: func(ctx context.Context, _ []string, p process) error {
			client, err := dialControl(p) //nolint:contextcheck // connecting to a local socket does not wait
			if err != nil {
				return err
			}
			defer client.Close()
			switch {
			case watch:
				ticker := time.NewTicker(time.Second)
				defer ticker.Stop()
				return watchStatus(ctx, client, ticker.C, newStatusDisplay(p, asJSON))
			case asJSON:
				return printStatusJSON(ctx, client, p.stdout)
			}
			return printStatusPage(ctx, client, p)
		},
	}
}

// statusReader returns the status of a server. *control.Client implements it.
type statusReader interface {
	Status(ctx context.Context) (control.Status, error)
}

func printStatusJSON(ctx context.Context, reader statusReader, w io.Writer) error {
	status, err := reader.Status(ctx)
	if err != nil {
		return err
	}
	return writeJSON(w, status)
}

// printStatusPage reads the status twice and prints the second one, with the
// request rates in between.
func printStatusPage(ctx context.Context, reader statusReader, p process) error {
	before, err := reader.Status(ctx)
	if err != nil {
		return err
	}
	select {
	case <-time.After(rateInterval):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	now, err := reader.Status(ctx)
	if err != nil {
		return err
	}
	page := statusPage(now, &before, newPalette(p))
	_, err = io.WriteString(p.stdout, joinLines(page))
	return err
}
