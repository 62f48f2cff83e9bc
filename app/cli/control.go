package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/control"
)

// dial returns a client of the running process.
func dialControl(env process) (*control.Client, error) {
	cfg, err := loadVariables(env, "PORT", "CONTROL_SOCKET")
	if err != nil {
		return nil, err
	}
	if cfg.ControlSocket == "" {
		return nil, errors.New("PORT is 0, so the control socket isn't known: set CONTROL_SOCKET")
	}
	client, err := control.Dial(cfg.ControlSocket)
	if !errors.Is(err, control.ErrNotRunning) {
		return client, err
	}
	where := ""
	if cfg.ControlSocket == (config.Config{}).ControlSocketFor(cfg.Port) {
		where = fmt.Sprintf(" on port %d", cfg.Port)
	}
	reason := strings.TrimPrefix(err.Error(), control.ErrNotRunning.Error()+": ")
	return nil, fmt.Errorf("no %s is running%s (%s)", program, where, reason)
}

const controlSocketHelp = `The process is found by its control socket: CONTROL_SOCKET, or else the default
for PORT.`

func reloadCommand() command {
	c := command{
		name:    "reload",
		summary: "have the running server read its configuration again",
		details: `Reads again what may change while running (log level, API keys, TLS
certificate, allowed origins), then replaces the workers one at a time. No
request and no WebSocket is lost. Returns when it is done.

` + controlSocketHelp,
	}
	c.run = func(ctx context.Context, args []string, env process) int {
		if _, code, ok := c.parseFlags(args, env, nil); !ok {
			return code
		}
		client, err := dialControl(env) //nolint:contextcheck // a local socket answers at once or not at all
		if err != nil {
			return fail(env, c.name, err)
		}
		defer client.Close()
		result, err := client.Reload(ctx)
		if err != nil {
			return fail(env, c.name, err)
		}
		changed := "nothing changed"
		if len(result.Changed) > 0 {
			changed = "changed: " + strings.Join(result.Changed, ", ")
		}
		_, err = fmt.Fprintf(env.stdout, "recycled %s; %s\n", plural(result.Recycled, "worker"), changed)
		return exitStatus(env, c.name, err)
	}
	return c
}

func scaleCommand() command {
	c := command{
		name: "scale", arguments: "N",
		summary: "have the running server use N workers",
		details: `At most GOMAXPROCS; 0 is as many as GOMAXPROCS. No connection is lost. Returns
when it is done; a restart goes back to CLUSTER_WORKERS.

` + controlSocketHelp,
	}
	c.run = func(ctx context.Context, args []string, env process) int {
		rest, code, ok := c.parseFlags(args, env, nil)
		if !ok {
			return code
		}
		n, err := strconv.Atoi(rest[0])
		if err != nil || n < 0 {
			return usageError(env, c.name, fmt.Sprintf("%q is not a number of workers: want a whole number, at least 0", rest[0]))
		}
		client, err := dialControl(env) //nolint:contextcheck // a local socket answers at once or not at all
		if err != nil {
			return fail(env, c.name, err)
		}
		defer client.Close()
		result, err := client.Scale(ctx, n)
		if err != nil {
			return fail(env, c.name, err)
		}
		note := ""
		if result.Note != "" {
			note = " (" + result.Note + ")"
		}
		_, err = fmt.Fprintf(env.stdout, "%s, before %d%s\n", plural(result.To, "worker"), result.From, note)
		return exitStatus(env, c.name, err)
	}
	return c
}

// plural returns "1 worker" or "2 workers".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
