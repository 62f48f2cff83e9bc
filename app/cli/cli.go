package cli

import (
	"context"
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
	cmd, err := findCommand(name)
	if err == nil {
		if !cmd.handlesSignals {
			var stop func()
			ctx, stop = interruptible(ctx)
			defer stop()
		}
		err = cmd.execute(ctx, args, p)
	}
	return exitCode(ctx, p, cmd.name, err)
}

// findCommand returns the named sub-command. Its error suggests the one that was
// probably meant.
func findCommand(name string) (command, error) {
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	hint := ""
	if similar := suggestCommand(strings.ToLower(name), names); similar != "" {
		hint = fmt.Sprintf(" Did you mean %q?", similar)
	}
	return command{}, usageError(fmt.Sprintf("there is no sub-command %q.%s", name, hint))
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
