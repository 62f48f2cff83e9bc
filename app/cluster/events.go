package cluster

import "time"

// Kind says what an Event reports.
type Kind string

// The kinds of Event. The fields that are set besides Kind stand in brackets.
const (
	// Started: every worker accepts connections [Count: workers].
	SupervisorStarted Kind = "supervisor started"
	// WorkerStarted: a generation accepts connections [Worker, Generation].
	WorkerStarted Kind = "worker started"
	// WorkerRecycled: a generation was replaced and drains now [Worker,
	// Generation: the new one, Reason].
	WorkerRecycled Kind = "worker recycled"
	// WorkerFailed: a worker ended as a whole [Worker, Generation, Err, Stack
	// where there is one].
	WorkerFailed Kind = "worker failed"
	// WorkerBackoff: a slot stays without a worker for a while, because it
	// failed too often [Worker, Delay, Count: restarts in the window].
	WorkerBackoff Kind = "worker in backoff"
	// WorkerStopped: scaling down ended a worker [Worker, Generation].
	WorkerStopped Kind = "worker stopped"
	// WorkerAbandoned: a generation is stuck and was left behind [Worker,
	// Generation, Err, Stack: those of the goroutines in handlers, Count: how
	// many abandoned generations are alive].
	WorkerAbandoned Kind = "worker abandoned"
	// GenerationEnded: the last connection of a replaced generation is closed
	// [Worker, Generation, Delay: how long it drained].
	GenerationEnded Kind = "generation ended"
	// SocketAdopted: a worker accepts on a socket whose slot has no worker
	// [Worker: the adopter, Count: the slot's id].
	SocketAdopted Kind = "socket adopted"
	// Panicked: a panic or runtime.Goexit was contained [Worker, Generation,
	// Reason: the place, Value, Stack].
	PanicContained Kind = "panic contained"
	// AcceptDelayed: accept met a temporary error and tries again [Worker, Err,
	// Delay].
	AcceptDelayed Kind = "accept delayed"
	// ConnRefused: a connection beyond the limits was closed unheard [Worker,
	// Reason].
	ConnRefused Kind = "connection refused"
	// Capped: more workers were asked for than GOMAXPROCS allows [Count: asked
	// for, Limit].
	WorkersCapped Kind = "workers capped"
	// Scaled: the number of workers wanted changed [Count, Reason].
	WorkersScaled Kind = "workers scaled"
	// Reloaded: every worker was recycled by Reload [Count, Delay: it took].
	WorkersReloaded Kind = "workers reloaded"
	// Stranger: sockets that are not ours listen on the port [Count].
	ForeignListener Kind = "stranger on the port"
	// SteeringFailed: the kernel refused the program that keeps strangers from
	// getting connections [Err].
	SteeringFailed Kind = "steering refused"
	// ShutdownStep: a named step of the shutdown is done [Reason: the step,
	// Delay: it took, Count: what it ended, Err].
	ShutdownStep Kind = "shutdown step"
	// GaveUp: the supervisor ends because its workers can't be kept alive [Err].
	GaveUp Kind = "supervisor gave up"
)

// Event is something that an operator may want to know of.
type Event struct {
	Kind Kind
	// Worker is the id of a worker, from 1; 0 where none is concerned.
	Worker int
	// Generation counts the workers of a slot from 1.
	Generation int
	Reason     string
	Err        error
	// Value is what was passed to panic; nil after runtime.Goexit.
	Value any
	// Stack is a goroutine dump in the runtime's format.
	Stack []byte
	Delay time.Duration
	Count int
	Limit int
}

// observe hands an event to the user's hook. A panic in the hook is dropped: it
// may be called from a place that is dealing with a panic already.
func (s *Supervisor) observe(e Event) {
	defer func() { _ = recover() }()
	s.opts.Observe(e)
}
