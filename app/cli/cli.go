package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"smart-factory-backend/app/config"
)

const program = "smart-factory-backend"

// Main runs the sub-command that args (without the program's name) ask for,
// serve if there are none, and returns the exit code of the process. SIGINT
// and SIGTERM end the sub-command as the end of ctx does; a second one ends
// the process at once.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, args, newProcess(stdin, stdout, stderr))
}

func run(ctx context.Context, args []string, env process) int {
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
		return unknownCommand(name, env)
	}
	if cmd.handlesSignals {
		return cmd.run(ctx, args, env)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From here on a second signal has its usual effect.
	defer context.AfterFunc(ctx, stop)()
	code := cmd.run(ctx, args, env)
	if code != exitOK && ctx.Err() != nil {
		return exitInterrupted
	}
	return code
}

// unknown explains that there is no such sub-command.
func unknownCommand(name string, env process) int {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	hint := ""
	if meant := suggestCommand(strings.ToLower(name), names); meant != "" {
		hint = fmt.Sprintf(" Did you mean %q?", meant)
	}
	return usageError(env, "", fmt.Sprintf("there is no sub-command %q.%s", name, hint))
}

// nearest returns the name that word is the only beginning of, or else the
// one that it comes closest to; "" if there is none.
func suggestCommand(word string, names []string) string {
	var longer []string
	for _, name := range names {
		if word != "" && strings.HasPrefix(name, word) {
			longer = append(longer, name)
		}
	}
	if len(longer) == 1 {
		return longer[0]
	}
	return config.Suggest(word, names)
}

// usageError reports a command line that makes no sense. The name of the
// sub-command may be empty.
func usageError(env process, name, message string) int {
	_, _ = fmt.Fprintf(env.stderr, "%s: %s\n%s\n", commandPath(name), message, "See "+strings.TrimSpace(program+" help "+name)+".")
	return exitUsage
}

// outcome reports err, if there is one, and returns the exit code.
func exitStatus(env process, name string, err error) int {
	if err != nil {
		return fail(env, name, err)
	}
	return exitOK
}

// printJSON writes value on one line.
func printJSON(env process, name string, value any) int {
	return exitStatus(env, name, writeJSON(env.stdout, value))
}

// failed reports why the named sub-command could not do its work.
func fail(env process, name string, err error) int {
	_, _ = fmt.Fprintf(env.stderr, "%s: %v\n", commandPath(name), err)
	return exitFailure
}

func commandPath(name string) string { return strings.TrimSpace(program + " " + name) }

// parse reads the flags of a sub-command. If ok is false, the sub-command is
// over with the given exit code: help was asked for, or the flags are wrong.
func (c command) parseFlags(args []string, env process, define func(*flag.FlagSet)) (rest []string, code int, ok bool) {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if define != nil {
		define(flags)
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.writeHelp(env.stdout, flags)
		return nil, exitOK, false
	case err != nil:
		return nil, usageError(env, c.name, err.Error()), false
	case c.arguments == "" && flags.NArg() > 0:
		return nil, usageError(env, c.name, fmt.Sprintf("takes no argument %q", flags.Arg(0))), false
	case flags.NArg() != len(strings.Fields(c.arguments)):
		return nil, usageError(env, c.name, "want "+c.synopsis()), false
	}
	return flags.Args(), exitOK, true
}
