package cluster

import "sync/atomic"

// State is what a slot is doing.
type State string

// The states of a slot.
const (
	// Running means that its worker accepts connections.
	Running State = "running"
	// Backoff means that it gets no worker for a while. A sibling accepts on
	// its socket.
	Backoff State = "backoff"
	// Starting means that it has no worker and is about to get one.
	Starting State = "starting"
	// Stopping means that the supervisor is shutting down.
	Stopping State = "stopping"
)

// slot is the place of one worker. Its numbers outlive the workers. The
// goroutine of Run owns the fields that are not atomic.
type slot struct {
	id         int // from 1
	generation int
	worker     *worker // nil while there is none
	intensity  restartIntensity
	restarts   uint64 // after failures, since the start
	recycledAt int64  // when the worker was started, in nanos
	retryAt    int64  // when to start a worker; 0 for at once
	backoff    bool   // retryAt was set by intensity

	// recycle asks for a new generation because the present one panicked.
	recycle atomic.Bool
	panics  atomic.Uint64
	// endedRequests counts the requests of the generations that have ended.
	endedRequests uint64
}
