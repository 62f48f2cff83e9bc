// Package cli implements the command line: it selects the sub-command, passes
// it a context that a signal cancels, and turns its result into an exit code.
//
// A sub-command writes to the streams it is given and returns its exit code.
// Only a second signal to serve, in signals.go, ends the process from here.
package cli
