package cluster

import (
	"log/slog"
	"net"
	"time"
)

// Event reports something that an operator may want to know. Its dynamic type
// is one of the structs below. Any event can be logged in one line:
//
//	log.LogAttrs(ctx, cluster.Level(e), cluster.Message(e), slog.Any("", e))
type Event interface {
	// LogValue returns the event's fields as a group.
	slog.LogValuer
	// kind returns what is the same for every event of a type.
	kind() (slog.Level, string)
}

// Message returns a constant text for the type of e.
func Message(e Event) string {
	_, message := e.kind()
	return message
}

// Level returns the log level that suits the type of e.
func Level(e Event) slog.Level {
	level, _ := e.kind()
	return level
}

// SupervisorStarted reports that every worker accepts connections.
type SupervisorStarted struct {
	Workers int
}

// WorkerStarted reports that a worker accepts connections in a slot that had
// none.
type WorkerStarted struct {
	Worker     int // the slot's id, from 1
	Generation int // counts the workers of a slot, from 1
}

// WorkerRecycled reports that a new generation accepts connections and the
// previous one drains.
type WorkerRecycled struct {
	Worker     int
	Generation int    // the new one
	Reason     string // "panic" or "reload"
}

// WorkerFailed reports that a worker ended as a whole: its accept loop ended,
// or the watchdog found it stalled.
type WorkerFailed struct {
	Worker, Generation int
	Err                error
}

// WorkerBackoff reports that a slot gets no worker for a while because its
// workers failed too often.
type WorkerBackoff struct {
	Worker   int
	Failures int // within Restart.Window
	Delay    time.Duration
}

// WorkerStopped reports that scaling down ended a worker.
type WorkerStopped struct {
	Worker, Generation int
	Reason             string
}

// WorkerAbandoned reports that a generation is stuck and no longer waited for.
type WorkerAbandoned struct {
	Worker, Generation int
	Abandoned          int // abandoned generations that are alive, this one included
	Err                error
	Stacks             []byte // of the goroutines in handlers and accept loops
}

// GenerationEnded reports that the last connection of a replaced generation is
// closed.
type GenerationEnded struct {
	Worker, Generation int
	DrainTime          time.Duration
}

// SocketAdopted reports that a worker accepts connections on the socket of a
// slot that has no worker.
type SocketAdopted struct {
	Worker int // the one that accepts
	Slot   int // the one without a worker
}

// PanicContained reports a recovered panic or a contained runtime.Goexit.
type PanicContained struct {
	Worker, Generation int
	Place              string // one of Places
	Value              any    // the argument of panic; nil after runtime.Goexit
	Stack              []byte
}

// AcceptDelayed reports a temporary error of accept, which is called again
// after Delay.
type AcceptDelayed struct {
	Worker, Generation int
	Err                error
	Delay              time.Duration
}

// ConnRefused reports that a connection was closed unanswered because of Limits.
type ConnRefused struct {
	Worker, Generation int
	Limit              string // the exceeded one, as OverLimit names it
}

// ReaderTimedOut reports that a connection was closed because its client did not
// read a response in time.
type ReaderTimedOut struct {
	Worker, Generation int
	Client             net.Addr
	Taken              int // bytes of the response, while writes waited
	Waited             time.Duration
}

// WorkersCapped reports that more workers were requested than GOMAXPROCS allows.
type WorkersCapped struct {
	Requested, Allowed int
}

// WorkersScaled reports that the wanted number of workers changed.
type WorkersScaled struct {
	Workers int
	Reason  string
}

// WorkersReloaded reports that Reload has recycled the workers.
type WorkersReloaded struct {
	Recycled int
	Duration time.Duration
}

// ForeignListener reports a change in the number of sockets that other
// programs have listening on the supervisor's port.
type ForeignListener struct {
	Sockets int // 0 once they are closed
}

// SteeringFailed reports that the kernel refused the program that keeps
// connections from foreign listeners.
type SteeringFailed struct {
	Err error
}

// ShutdownStep reports that a step of the shutdown is done.
type ShutdownStep struct {
	Step     string
	Duration time.Duration
	// Count is the number of connections that the step closed, notified or
	// left open; the comment of each step's method says which.
	Count int
}

// GaveUp reports that Run is ending because the workers can't be kept alive.
type GaveUp struct {
	Err error
}
