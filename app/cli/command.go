package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is one sub-command.
type command struct {
	name string
	// options and arguments are what follows the name; each argument is one
	// word, and exactly that many are wanted.
	options, arguments string
	// summary is one line; details are more, for the sub-command's own help.
	summary, details string
	run              func(ctx context.Context, args []string, p process) int
	// ownSignals is set if run itself listens to signals.
	handlesSignals bool
}

// commands returns all sub-commands in the order in which help lists them.
func commands() []command {
	return []command{
		serveCommand(),
		healthcheckCommand(),
		statusCommand(),
		reloadCommand(),
		scaleCommand(),
		{
			name: "replay", options: "[flags]", arguments: "FILE…", run: replayCommand,
			summary: "post a recorded data set to a server",
		},
		backupCommand(),
		migrateCommand(),
		configCommand(),
		unitCommand(),
		versionCommand(),
		helpCommand(),
	}
}

func findCommand(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

func helpCommand() command {
	return command{
		name: "help", options: "[COMMAND]",
		summary: "show help for the program or one sub-command",
		run: func(ctx context.Context, args []string, p process) int {
			if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
				writeOverview(p.stdout)
				return exitOK
			}
			c, found := findCommand(args[0])
			if !found {
				return unknownCommand(args[0], p)
			}
			return c.run(ctx, []string{"-h"}, p)
		},
	}
}

// overview writes the help of the whole program.
func writeOverview(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "Ingests, stores and serves machine telemetry.\n\nUsage: %s [COMMAND]\n\n", program)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-28s %s\n", c.synopsis(), c.summary)
	}
	fmt.Fprintf(&b, "\nEnvironment variables configure the program; %q lists them.\n", program+" config")
	fmt.Fprintf(&b, "%q shows help for a command.\n", program+" help COMMAND")
	_, _ = io.WriteString(w, b.String())
}

// synopsis returns the command line without the program's name.
func (c command) synopsis() string {
	return strings.Join(strings.Fields(c.name+" "+c.options+" "+c.arguments), " ")
}

// help writes the help of one sub-command.
func (c command) writeHelp(w io.Writer, flags *flag.FlagSet) {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s %s\n\n%s%s.\n", program, c.synopsis(), strings.ToUpper(c.summary[:1]), c.summary[1:])
	if c.details != "" {
		fmt.Fprintf(&b, "\n%s\n", c.details)
	}
	first := true
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			b.WriteString("\n")
			first = false
		}
		fmt.Fprintf(&b, "  --%-10s %s\n", f.Name, f.Usage)
	})
	_, _ = io.WriteString(w, b.String())
}
