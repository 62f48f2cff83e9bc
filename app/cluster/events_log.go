package cluster

import (
	"fmt"
	"log/slog"
)

// The attribute keys of events.
const (
	keyWorker     = "worker"
	keyGeneration = "generation"
	keyWorkers    = "workers"
	keySlot       = "slot"
	keyReason     = "reason"
	keyPlace      = "place"
	keyValue      = "value"
	keyStep       = "step"
	keyCount      = "count"
	keyLimit      = "limit"
	keyDelay      = "delay"
	keyDuration   = "duration"
	keyError      = "error"
	keyStack      = "stack"
)

// Message returns "supervisor started".
func (SupervisorStarted) Message() string { return "supervisor started" }

// Message returns "worker started".
func (WorkerStarted) Message() string { return "worker started" }

// Message returns "worker recycled".
func (WorkerRecycled) Message() string { return "worker recycled" }

// Message returns "worker failed".
func (WorkerFailed) Message() string { return "worker failed" }

// Message returns "worker in backoff".
func (WorkerBackoff) Message() string { return "worker in backoff" }

// Message returns "worker stopped".
func (WorkerStopped) Message() string { return "worker stopped" }

// Message returns "worker abandoned".
func (WorkerAbandoned) Message() string { return "worker abandoned" }

// Message returns "generation ended".
func (GenerationEnded) Message() string { return "generation ended" }

// Message returns "socket adopted".
func (SocketAdopted) Message() string { return "socket adopted" }

// Message returns "panic contained".
func (PanicContained) Message() string { return "panic contained" }

// Message returns "accept delayed".
func (AcceptDelayed) Message() string { return "accept delayed" }

// Message returns "connection refused".
func (ConnRefused) Message() string { return "connection refused" }

// Message returns "workers capped".
func (WorkersCapped) Message() string { return "workers capped" }

// Message returns "workers scaled".
func (WorkersScaled) Message() string { return "workers scaled" }

// Message returns "workers reloaded".
func (WorkersReloaded) Message() string { return "workers reloaded" }

// Message returns "foreign listener on the port".
func (ForeignListener) Message() string { return "foreign listener on the port" }

// Message returns "steering refused".
func (SteeringFailed) Message() string { return "steering refused" }

// Message returns "shutdown step".
func (ShutdownStep) Message() string { return "shutdown step" }

// Message returns "supervisor gave up".
func (GaveUp) Message() string { return "supervisor gave up" }

// LogValue returns workers.
func (e SupervisorStarted) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorkers, e.Workers))
}

// LogValue returns worker and generation.
func (e WorkerStarted) LogValue() slog.Value { return workerGroup(e.Worker, e.Generation) }

// LogValue returns worker, generation and reason.
func (e WorkerRecycled) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.String(keyReason, e.Reason))
}

// LogValue returns worker, generation and error.
func (e WorkerFailed) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, errorAttr(e.Err))
}

// LogValue returns worker, count and delay.
func (e WorkerBackoff) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorker, e.Worker), slog.Int(keyCount, e.Failures), slog.Duration(keyDelay, e.Delay))
}

// LogValue returns worker, generation and reason.
func (e WorkerStopped) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.String(keyReason, e.Reason))
}

// LogValue returns worker, generation, count, error and stack.
func (e WorkerAbandoned) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation,
		slog.Int(keyCount, e.Abandoned), errorAttr(e.Err), slog.String(keyStack, string(e.Stacks)))
}

// LogValue returns worker, generation and delay.
func (e GenerationEnded) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.Duration(keyDelay, e.DrainTime))
}

// LogValue returns worker and slot.
func (e SocketAdopted) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorker, e.Worker), slog.Int(keySlot, e.Slot))
}

// LogValue returns worker, generation, place, value and stack.
func (e PanicContained) LogValue() slog.Value {
	value := "runtime.Goexit"
	if e.Value != nil {
		value = fmt.Sprint(e.Value)
	}
	return workerGroup(e.Worker, e.Generation,
		slog.String(keyPlace, e.Place), slog.String(keyValue, value), slog.String(keyStack, string(e.Stack)))
}

// LogValue returns worker, generation, error and delay.
func (e AcceptDelayed) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, errorAttr(e.Err), slog.Duration(keyDelay, e.Delay))
}

// LogValue returns worker, generation and reason.
func (e ConnRefused) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.String(keyReason, e.Limit))
}

// LogValue returns count and limit.
func (e WorkersCapped) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyCount, e.Requested), slog.Int(keyLimit, e.Allowed))
}

// LogValue returns workers and reason.
func (e WorkersScaled) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorkers, e.Workers), slog.String(keyReason, e.Reason))
}

// LogValue returns workers and delay.
func (e WorkersReloaded) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorkers, e.Recycled), slog.Duration(keyDelay, e.Duration))
}

// LogValue returns count.
func (e ForeignListener) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyCount, e.Sockets))
}

// LogValue returns error.
func (e SteeringFailed) LogValue() slog.Value { return slog.GroupValue(errorAttr(e.Err)) }

// LogValue returns step, duration and count.
func (e ShutdownStep) LogValue() slog.Value {
	return slog.GroupValue(slog.String(keyStep, e.Step), slog.Duration(keyDuration, e.Duration), slog.Int(keyCount, e.Count))
}

// LogValue returns error.
func (e GaveUp) LogValue() slog.Value { return slog.GroupValue(errorAttr(e.Err)) }

func workerGroup(worker, generation int, more ...slog.Attr) slog.Value {
	return slog.GroupValue(append([]slog.Attr{slog.Int(keyWorker, worker), slog.Int(keyGeneration, generation)}, more...)...)
}

func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{} // handlers leave it out
	}
	return slog.String(keyError, err.Error())
}
