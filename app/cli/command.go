package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is one sub-command.
type command struct {
	name string
	// options and arguments follow the name in the synopsis. As many arguments
	// are required as there are words.
	options, arguments string
	// summary is one line; details are shown in the sub-command's own help.
	summary, details string
	// flags declares the flags, unless it is nil.
	flags func(*flag.FlagSet)
	// run executes the sub-command with its arguments; exitCode turns the
	// error into an exit code.
	run func(ctx context.Context, args []string, p process) error
	// parsesFlags is set if run parses the flags itself.
	parsesFlags bool
	// handlesSignals is set if run handles SIGINT and SIGTERM itself.
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
		replayCommand(),
		simulateCommand(),
		backupCommand(),
		migrateCommand(),
		configCommand(),
		unitCommand(),
		versionCommand(),
		helpCommand(),
	}
}

func helpCommand() command {
	return command{
		name: "help", options: "[COMMAND]", parsesFlags: true,
		summary: "show help for the program or one sub-command",
		run: func(ctx context.Context, args []string, p process) error {
			if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
				return writeOverview(p.stdout)
			}
			c, err := findCommand(args[0])
			if err != nil {
				return err
			}
			return c.execute(ctx, []string{"-h"}, p)
		},
	}
}

// execute parses args and runs the sub-command. It returns flag.ErrHelp after
// writing the help that args ask for.
func (c command) execute(ctx context.Context, args []string, p process) error {
	if c.parsesFlags {
		return c.run(ctx, args, p)
	}
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // exitCode reports errors
	if c.flags != nil {
		c.flags(flags)
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.writeHelp(p.stdout, flags)
		return err
	case err != nil:
		return usageError(err.Error())
	case c.arguments == "" && flags.NArg() > 0:
		return usageError(fmt.Sprintf("takes no argument %q", flags.Arg(0)))
	case flags.NArg() != len(strings.Fields(c.arguments)):
		return usageError("want " + c.synopsis())
	}
	return c.run(ctx, flags.Args(), p)
}

// writeOverview writes the help of the program.
func writeOverview(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Ingests, stores and serves machine telemetry.\n\nUsage: %s [COMMAND]\n\n", program)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-28s %s\n", c.synopsis(), c.summary)
	}
	fmt.Fprintf(&b, "\nEnvironment variables configure the program; %q lists them.\n", program+" config")
	fmt.Fprintf(&b, "%q shows help for a command.\n", program+" help COMMAND")
	_, err := io.WriteString(w, b.String())
	return err
}

// synopsis returns the command line without the program's name.
func (c command) synopsis() string {
	return strings.Join(strings.Fields(c.name+" "+c.options+" "+c.arguments), " ")
}

// writeHelp writes the help of the sub-command with its flags.
func (c command) writeHelp(w io.Writer, flags *flag.FlagSet) {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s %s\n\n%s%s.\n", program, c.synopsis(), strings.ToUpper(c.summary[:1]), c.summary[1:])
	if c.details != "" {
		fmt.Fprintf(&b, "\n%s\n", c.details)
	}
	var rows [][2]string
	width := len("--help    ")
	flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
		name := strings.TrimSpace("--" + f.Name + " " + value)
		rows, width = append(rows, [2]string{name, usage}), max(width, len(name))
	})
	if len(rows) > 0 {
		b.WriteString("\n")
	}
	for _, row := range rows {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, row[0], row[1])
	}
	_, _ = io.WriteString(w, b.String())
}
