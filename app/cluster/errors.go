package cluster

import (
	"errors"
	"fmt"
)

var (
	// ErrGaveUp is what Run returns after every slot was in backoff at once,
	// or after more generations than Options.AbandonLimit were abandoned.
	ErrGaveUp = errors.New("gave up on the workers")

	// ErrStopped is returned by calls on a Supervisor that is not running.
	ErrStopped = errors.New("the supervisor is not running")

	errKilled           = errors.New("accept loop killed")
	errLoopEnded        = errors.New("accept loop ended")
	errStalled          = errors.New("accept loop does not answer")
	errStuck            = errors.New("request stuck in its handler")
	errNoWorker         = errors.New("the request is not served by a supervisor")
	errNoWorkers        = errors.New("every worker is in backoff")
	errTooManyAbandoned = errors.New("too many abandoned generations")
	errStreamIncomplete = errors.New("the body's writer ended before its time")
)

// PortInUseError says that the address to listen on belongs to somebody else.
type PortInUseError struct {
	// Addr is the address that was asked for, as host:port.
	Addr string
	// PID is the process that listens there; 0 where it could not be read.
	PID int
	// Process is that process's name, "" where it could not be read.
	Process string
	// Err is what the kernel said.
	Err error
}

// Error names the address and, where known, its owner.
func (e *PortInUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("listen on %s: port in use by another process", e.Addr)
	}
	return fmt.Sprintf("listen on %s: port in use by pid %d (%s)", e.Addr, e.PID, e.Process)
}

// Unwrap returns the kernel's error.
func (e *PortInUseError) Unwrap() error { return e.Err }

// giveUpError is ErrGaveUp with its cause.
type giveUpError struct{ cause error }

func (e *giveUpError) Error() string   { return ErrGaveUp.Error() + ": " + e.cause.Error() }
func (e *giveUpError) Unwrap() []error { return []error{ErrGaveUp, e.cause} }
