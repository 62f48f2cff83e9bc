package cli

import (
	"context"
	"flag"
	"io"
	"time"

	"smart-factory-backend/app/control"
)

// rateSpan is the time between the two looks that a rate takes.
const rateInterval = 250 * time.Millisecond

func statusCommand() command {
	c := command{
		name: "status", options: "[--watch] [--json]",
		summary: "show the running server and its workers",
		details: `Requests per second are measured over a quarter of a second, with --watch over
the last second. With both flags each second gives one line of JSON.

` + controlSocketHelp,
	}
	c.run = func(ctx context.Context, args []string, env process) int {
		var watch, asJSON bool
		_, code, ok := c.parseFlags(args, env, func(f *flag.FlagSet) {
			f.BoolVar(&watch, "watch", false, "show it again every second, until Ctrl-C")
			f.BoolVar(&asJSON, "json", false, "print JSON")
		})
		if !ok {
			return code
		}
		client, err := dialControl(env) //nolint:contextcheck // a local socket answers at once or not at all
		if err != nil {
			return fail(env, c.name, err)
		}
		defer client.Close()
		switch {
		case watch:
			ticker := time.NewTicker(time.Second)
			defer ticker.Stop()
			err = watchStatus(ctx, client, ticker.C, newStatusDisplay(env, asJSON))
		case asJSON:
			err = printStatusJSON(ctx, client, env.stdout)
		default:
			err = printStatusPage(ctx, client, env)
		}
		if ctx.Err() != nil {
			return exitInterrupted
		}
		return exitStatus(env, c.name, err)
	}
	return c
}

// statusSource is what the status is asked of.
type statusReader interface {
	Status(ctx context.Context) (control.Status, error)
}

func printStatusJSON(ctx context.Context, source statusReader, w io.Writer) error {
	status, err := source.Status(ctx)
	if err != nil {
		return err
	}
	return writeJSON(w, status)
}

// measuredStatus shows the second of two looks, with the rates in between.
func printStatusPage(ctx context.Context, source statusReader, env process) error {
	before, err := source.Status(ctx)
	if err != nil {
		return err
	}
	select {
	case <-time.After(rateInterval):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	now, err := source.Status(ctx)
	if err != nil {
		return err
	}
	page := statusPage(now, &before, palette{on: env.colours(env.stdout)})
	_, err = io.WriteString(env.stdout, joinLines(page))
	return err
}
