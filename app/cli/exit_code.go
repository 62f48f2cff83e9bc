package cli

import (
	"fmt"
	"strings"

	"smart-factory-backend/app/server"
)

// Exit codes. Service managers and scripts depend on them.
const (
	exitOK            = 0
	exitFailure       = 1   // the command failed, or the server could not start or run
	exitUsage         = 2   // the command line is invalid
	exitWorkersFailed = 70  // the server gave up on its workers; a new process may succeed
	exitInterrupted   = 130 // ended by a signal, as shells report Ctrl-C
)

// exitStatus reports err, if it isn't nil, with the manual's section about it, if
// there is one. It returns the exit code of the named sub-command.
func exitStatus(p process, name string, err error) int {
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(p.stderr, "%s: %v\n", commandPath(name), err)
	if link := server.See(err); link != "" {
		_, _ = fmt.Fprintf(p.stderr, "see=%s\n", link)
	}
	return exitFailure
}

// usageError reports an invalid command line. The name of the sub-command may
// be empty.
func usageError(p process, name, message string) int {
	_, _ = fmt.Fprintf(p.stderr, "%s: %s\nSee %s.\n", commandPath(name), message, strings.TrimSpace(program+" help "+name))
	return exitUsage
}

// commandPath returns the program's name and that of the sub-command.
func commandPath(name string) string { return strings.TrimSpace(program + " " + name) }
