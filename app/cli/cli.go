package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"smart-factory-backend/app/config"
)

const program = "smart-factory-backend"

// Main runs the sub-command that args name, which don't include the program's
// name, and returns the exit code of the process. Without args it runs serve.
// The end of ctx, SIGINT or SIGTERM ends the sub-command; a second signal ends
// the process at once.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, args, newProcess(stdin, stdout, stderr))
}

func run(ctx context.Context, args []string, p process) int {
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	cmd, found := findCommand(name)
	if !found {
		return unknownCommand(name, p)
	}
	if cmd.handlesSignals {
		return cmd.run(ctx, args, p)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	code := cmd.run(ctx, args, p)
	if code != exitOK && ctx.Err() != nil {
		return exitInterrupted
	}
	return code
}

// unknownCommand reports that there is no such sub-command.
func unknownCommand(name string, p process) int {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	hint := ""
	if similar := suggestCommand(strings.ToLower(name), names); similar != "" {
		hint = fmt.Sprintf(" Did you mean %q?", similar)
	}
	return usageError(p, "", fmt.Sprintf("there is no sub-command %q.%s", name, hint))
}

// suggestCommand returns the only name that word abbreviates, or else the name
// it is most likely a misspelling of; "" if there is none.
func suggestCommand(word string, names []string) string {
	var abbreviated []string
	for _, name := range names {
		if word != "" && strings.HasPrefix(name, word) {
			abbreviated = append(abbreviated, name)
		}
	}
	if len(abbreviated) == 1 {
		return abbreviated[0]
	}
	return config.Suggest(word, names)
}

// parseFlags parses the command line of a sub-command, whose flags define
// declares unless it is nil. If ok is false, the sub-command returns code: help
// was requested and written, or a usage error was reported.
func (c command) parseFlags(args []string, p process, define func(*flag.FlagSet)) (rest []string, code int, ok bool) {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if define != nil {
		define(flags)
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.writeHelp(p.stdout, flags)
		return nil, exitOK, false
	case err != nil:
		return nil, usageError(p, c.name, err.Error()), false
	case c.arguments == "" && flags.NArg() > 0:
		return nil, usageError(p, c.name, fmt.Sprintf("takes no argument %q", flags.Arg(0))), false
	case flags.NArg() != len(strings.Fields(c.arguments)):
		return nil, usageError(p, c.name, "want "+c.synopsis()), false
	}
	return flags.Args(), exitOK, true
}
