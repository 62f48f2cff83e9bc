package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"smart-factory-backend/app/cluster"
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

// usageError is the error of an invalid command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// errReported is the error of a sub-command that has already explained to the
// user why it failed.
var errReported = errors.New("failure already reported")

// exitCode returns the exit code for the result of the named sub-command, which
// ran with ctx, and writes err to standard error if nothing else reports it. The
// name is empty if there is no such sub-command.
func exitCode(ctx context.Context, p process, name string, err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.Is(err, cluster.ErrGaveUp): // serve has logged it
		return exitWorkersFailed
	case errors.Is(err, errReported):
		return exitFailure
	}
	_, _ = fmt.Fprintf(p.stderr, "%s: %v\n", strings.TrimSpace(program+" "+name), err)
	if _, invalid := errors.AsType[usageError](err); !invalid {
		if link := server.See(err); link != "" { // the manual's section about err
			_, _ = fmt.Fprintf(p.stderr, "see=%s\n", link)
		}
		return exitFailure
	}
	_, _ = fmt.Fprintf(p.stderr, "See %s.\n", strings.TrimSpace(program+" help "+strings.TrimPrefix(name, "help")))
	return exitUsage
}
