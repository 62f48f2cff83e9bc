package cluster

import (
	"errors"
	"fmt"
)

var (
	// ErrGaveUp is returned by Run after every slot was in backoff at the same
	// time, or after more generations than Watchdog.MaxAbandoned were
	// abandoned.
	ErrGaveUp = errors.New("gave up on the workers")

	// ErrStopped is returned by calls on a Supervisor that is not running.
	ErrStopped = errors.New("the supervisor is not running")

	errKilled           = errors.New("accept loop killed")
	errLoopEnded        = errors.New("accept loop ended")
	errStalled          = errors.New("accept loop does not respond")
	errStuck            = errors.New("request stuck in its handler")
	errNoWorker         = errors.New("the request is not served by a supervisor")
	errNoWorkers        = errors.New("every worker is in backoff")
	errTooManyAbandoned = errors.New("too many abandoned generations")
	errRequestTooLarge  = errors.New("the request exceeds MaxRequestBytes")
	errStreamIncomplete = errors.New("the body's writer did not return")
)

// PortInUseError reports that another socket listens on the address.
type PortInUseError struct {
	// Addr is the requested address, as host:port or "port N".
	Addr string
	// PID is the process that listens there; 0 if unknown.
	PID int
	// Process is the name of that process; "" if unknown.
	Process string
	// Err is the kernel's error.
	Err error
}

// Error names the address and, if known, the process.
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
