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
			return withControl(p, func(client *control.Client) error { //nolint:contextcheck // connecting to a local socket does not wait
				if watch {
					return watchStatus(ctx, client, time.Tick(time.Second), newStatusDisplay(p, asJSON))
				}
				return printStatus(ctx, client, p, asJSON)
			})
		},
	}
}

// statusReader returns the status of a server. *control.Client implements it.
type statusReader interface {
	Status(ctx context.Context) (control.Status, error)
}

// printStatus prints the status as JSON, or reads it twice and prints the second
// one as a page, with the request rates in between.
func printStatus(ctx context.Context, reader statusReader, p process, asJSON bool) error {
	before, err := reader.Status(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(p.stdout, before)
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
	_, err = io.WriteString(p.stdout, joinLines(statusPage(now, &before, newPalette(p))))
	return err
}
