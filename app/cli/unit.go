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
	var socket bool
	return command{
		name: "unit", options: "[--socket]",
		summary: "print a hardened systemd unit",
		details: `The unit runs this binary at its present path, with the variables that are set
now. It contains no secrets: put them into the environment file or the
credentials that the unit names. Data is stored in /var/lib/` + program + `.
With --socket it prints the matching socket unit, with which systemd keeps the
port open while the service restarts.

  ` + program + ` unit > /etc/systemd/system/` + program + `.service
  systemctl daemon-reload && systemctl enable --now ` + program,
		flags: func(f *flag.FlagSet) {
			f.BoolVar(&socket, "socket", false, "print the socket unit")
		},
		run: func(_ context.Context, _ []string, p process) error {
			cfg, err := p.loadVariables(unitVariables()...)
			if err != nil {
				return err
			}
			if cfg.Port == 0 {
				return errors.New("PORT is 0: a unit needs a port")
			}
			executable, err := os.Executable()
			if err != nil {
				return err
			}
			for _, hidden := range []string{"/home/", "/root/", "/tmp/", "/var/tmp/"} {
				if strings.HasPrefix(executable, hidden) {
					_, _ = fmt.Fprintf(p.stderr, "warning: the unit can't access %s: install the binary below /usr/local or /opt first\n", executable)
				}
			}
			text := serviceTemplate
			if socket {
				text = socketTemplate
			}
			_, err = io.WriteString(p.stdout, newUnit(cfg, executable).render(text))
			return err
		},
	}
}

// unit holds the values that are filled into a template.
type unit struct {
	Program, Executable string
	// Environment holds quoted assignments.
	Environment []string
	// Listen is host:port, or the port alone.
	Listen string
	// PrivilegedPort is set if listening requires CAP_NET_BIND_SERVICE.
	PrivilegedPort bool
	StopSeconds    int
}

// Lines of the service template that depend on the port.
const (
	privilegedPortLines   = "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE"
	unprivilegedPortLines = "CapabilityBoundingSet=\nAmbientCapabilities=\nPrivateUsers=yes"
)

// render fills in a template. It doesn't use text/template, with which the
// linker keeps every method of every type: the binary would grow by 10 MB.
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

// teardownAllowance is the time for a shutdown in addition to SHUTDOWN_DELAY
// and SHUTDOWN_TIMEOUT: for the last commit and for closing the store.
const teardownAllowance = 10 * time.Second

// managedVariables are those that the unit sets itself or leaves to the
// environment file.
var managedVariables = []string{"NODE_ENV", "DATA_DIR", "DATABASE_URL", "CONTROL_SOCKET", "API_KEYS", "REDIS_URL"}

// unitVariables returns the variables that the unit contains if they are set.
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

// quoteUnitWord quotes one word for a unit file, in which % begins a specifier;
// see systemd.syntax(7).
func quoteUnitWord(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if strings.ContainsAny(word, " \t\n\"'\\") {
		return strconv.Quote(word)
	}
	return word
}
