package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"smart-factory-backend/app/control"
)

// withControl calls f with a client for the control socket of the running
// server.
func withControl(p process, f func(*control.Client) error) error {
	cfg, err := p.loadVariables("PORT", "DATA_DIR", "CONTROL_SOCKET")
	if err != nil {
		return err
	}
	if cfg.ControlSocket == "" {
		return errors.New("PORT is 0, so the control socket is unknown: set CONTROL_SOCKET")
	}
	client, err := control.Dial(cfg.ControlSocket)
	if err == nil {
		defer client.Close()
		return f(client)
	}
	if !errors.Is(err, control.ErrNotRunning) {
		return err
	}
	where := ""
	if cfg.ControlSocket == cfg.DefaultControlSocket(cfg.Port) {
		where = fmt.Sprintf(" on port %d", cfg.Port)
	}
	reason := strings.TrimPrefix(err.Error(), control.ErrNotRunning.Error()+": ")
	return fmt.Errorf("no %s is running%s (%s)", program, where, reason)
}

const controlSocketHelp = `Connects to the control socket that CONTROL_SOCKET names; by default it is in
XDG_RUNTIME_DIR or DATA_DIR and depends on PORT.`

func reloadCommand() command {
	return command{
		name:    "reload",
		summary: "reload the configuration of the running server",
		details: `Reloads what may change at run time (log level, API keys, TLS certificate,
allowed origins), then recycles the workers one at a time. No request and no
WebSocket is lost. Returns when all workers have been recycled.

` + controlSocketHelp,
		run: func(ctx context.Context, _ []string, p process) error {
			return withControl(p, func(client *control.Client) error { //nolint:contextcheck // connecting to a local socket does not wait
				result, err := client.Reload(ctx)
				if err != nil {
					return err
				}
				changed := "nothing changed"
				if len(result.Changed) > 0 {
					changed = "changed: " + strings.Join(result.Changed, ", ")
				}
				_, err = fmt.Fprintf(p.stdout, "recycled %s; %s\n", plural(result.Recycled, "worker"), changed)
				return err
			})
		},
	}
}

func scaleCommand() command {
	return command{
		name: "scale", arguments: "N",
		summary: "change the number of workers of the running server to N",
		details: `N is at most GOMAXPROCS; 0 means GOMAXPROCS. No connection is lost. Returns when
the workers are running. After a restart CLUSTER_WORKERS applies again.

` + controlSocketHelp,
		run: func(ctx context.Context, args []string, p process) error {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 0 {
				return usageError(fmt.Sprintf("%q is not a number of workers: want a whole number, at least 0", args[0]))
			}
			return withControl(p, func(client *control.Client) error { //nolint:contextcheck // connecting to a local socket does not wait
				result, err := client.Scale(ctx, n)
				if err != nil {
					return err
				}
				note := ""
				if result.Note != "" {
					note = " (" + result.Note + ")"
				}
				_, err = fmt.Fprintf(p.stdout, "%s, before %d%s\n", plural(result.To, "worker"), result.From, note)
				return err
			})
		},
	}
}

// plural returns "1 worker" or "2 workers".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
