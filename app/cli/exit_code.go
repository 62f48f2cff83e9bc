package cli

// Exit codes, part of the contract with whatever starts the process.
const (
	exitOK            = 0
	exitFailure       = 1   // failed, or can't start: configuration, port, store
	exitUsage         = 2   // the command line makes no sense
	exitWorkersFailed = 70  // gave up on its workers; a new process may do better
	exitInterrupted   = 130 // ended by a signal, as a shell reports Ctrl-C
)
