package cluster

import "sync/atomic"

// State says what a slot is doing.
type State string

// The states of a slot.
const (
	// Running: its worker accepts connections.
	Running State = "running"
	// Backoff: it has no worker for a while; a sibling accepts on its socket.
	Backoff State = "backoff"
	// Starting: it has no worker and is about to get one.
	Starting State = "starting"
	// Stopping: the process is shutting down, its worker finishes.
	Stopping State = "stopping"
)

// slot is the place of one worker. It keeps its numbers when workers change.
// Except for the atomic fields it belongs to the supervisor's goroutine.
type slot struct {
	id           int // from 1
	generation   int
	worker       *worker // nil while there is none
	intensity    restartIntensity
	restartCount uint64 // restarts after failures, ever
	recycledAt   int64  // when the worker was last replaced or started, in nanos
	retryAt      int64  // when a worker is to be started; 0 for at once
	backoff      bool   // retryAt is there because of the restart intensity

	// recycle asks for a new generation because the present one panicked.
	recycle atomic.Bool
	panics  atomic.Uint64
	// ended sums the requests of generations that are gone.
	endedRequests uint64
}
