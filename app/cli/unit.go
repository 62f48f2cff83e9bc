package cli

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/config"
)

//go:embed unit.service.tmpl
var serviceTemplate string

//go:embed unit.socket.tmpl
var socketTemplate string

func unitCommand() command {
	c := command{
		name: "unit", options: "[--socket]",
		summary: "print a hardened systemd unit",
		details: `The unit runs this binary from where it is now, with the variables that are set
now. Secrets are left out: they belong into the environment file or the
credentials that the unit names. Data is kept in /var/lib/` + program + `.
With --socket it prints the socket unit that goes with it, for a port that
systemd keeps open while the service restarts.

  ` + program + ` unit > /etc/systemd/system/` + program + `.service
  systemctl daemon-reload && systemctl enable --now ` + program,
	}
	c.run = func(_ context.Context, args []string, env process) int {
		var socket bool
		_, code, ok := c.parseFlags(args, env, func(f *flag.FlagSet) {
			f.BoolVar(&socket, "socket", false, "print the socket unit")
		})
		if !ok {
			return code
		}
		cfg, err := loadVariables(env, unitVariables()...)
		if err != nil {
			return fail(env, c.name, err)
		}
		if cfg.Port == 0 {
			return fail(env, c.name, errors.New("PORT is 0: a unit needs a port"))
		}
		executable, err := os.Executable()
		if err != nil {
			return fail(env, c.name, err)
		}
		for _, hidden := range []string{"/home/", "/root/", "/tmp/", "/var/tmp/"} {
			if strings.HasPrefix(executable, hidden) {
				_, _ = fmt.Fprintf(env.stderr, "warning: the unit can't see %s: install it below /usr/local or /opt first\n", executable)
			}
		}
		text := serviceTemplate
		if socket {
			text = socketTemplate
		}
		_, err = io.WriteString(env.stdout, newUnit(cfg, executable).render(text))
		return exitStatus(env, c.name, err)
	}
	return c
}

// unit is what differs from one unit to the next.
type unit struct {
	Program, Executable string
	// Environment are quoted assignments.
	Environment []string
	// Listen is host:port, or the port alone.
	Listen string
	// LowPort is set if listening takes a capability.
	PrivilegedPort bool
	StopSeconds    int
}

// Lines of the service's template that depend on the port.
const (
	privilegedPortLines   = "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE"
	unprivilegedPortLines = "CapabilityBoundingSet=\nAmbientCapabilities=\nPrivateUsers=yes"
)

// fill puts what differs into a template, by hand: with text/template in the
// program the linker has to keep every method of every type, some 10 MB.
func (u unit) render(text string) string {
	var environment strings.Builder
	for _, assignment := range u.Environment {
		environment.WriteString("\nEnvironment=" + assignment)
	}
	capabilities := unprivilegedPortLines
	if u.PrivilegedPort {
		capabilities = privilegedPortLines
	}
	return strings.NewReplacer(
		"{program}", u.Program, "{executable}", u.Executable, "{listen}", u.Listen, "{stop seconds}", strconv.Itoa(u.StopSeconds),
		"\n{environment}", environment.String(), "{capabilities}", capabilities,
	).Replace(text)
}

// beyondShutdown is what the process may need besides SHUTDOWN_DELAY and
// SHUTDOWN_TIMEOUT: the gate, the last commit, closing the store.
const teardownAllowance = 10 * time.Second

// placedByUnit are variables that the unit sets by itself, or leaves to the
// environment file.
var managedVariables = []string{"NODE_ENV", "DATA_DIR", "DATABASE_URL", "CONTROL_SOCKET", "API_KEYS", "REDIS_URL"}

// takenIntoUnit returns the variables that the unit carries if they are set.
func unitVariables() []string {
	var names []string
	for _, v := range config.Default().Describe() {
		if !slices.Contains(managedVariables, v.Name) {
			names = append(names, v.Name)
		}
	}
	return names
}

func newUnit(cfg config.Config, executable string) unit {
	u := unit{
		Program: program, Executable: quoteUnitWord(executable),
		Listen:         strconv.Itoa(cfg.Port),
		PrivilegedPort: cfg.Port < 1024,
		StopSeconds:    int((cfg.ShutdownDelay + cfg.ShutdownTimeout + teardownAllowance + time.Second - 1) / time.Second),
	}
	if cfg.Host != "" {
		u.Listen = net.JoinHostPort(cfg.Host, u.Listen)
	}
	for _, v := range cfg.Describe() {
		if v.Source == config.FromEnvironment && !slices.Contains(managedVariables, v.Name) {
			u.Environment = append(u.Environment, quoteUnitWord(v.Name+"="+v.Value))
		}
	}
	return u
}

// quoteUnit quotes one word for a unit file, where % begins a specifier.
func quoteUnitWord(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if strings.ContainsAny(word, " \t\n\"'\\") {
		return strconv.Quote(word)
	}
	return word
}
