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
	keyClient     = "client"
	keyTaken      = "taken"
	keyWaited     = "waited"
	keyDelay      = "delay"
	keyDuration   = "duration"
	keyError      = "error"
	keyStack      = "stack"
)

func (SupervisorStarted) kind() (slog.Level, string) { return slog.LevelInfo, "supervisor started" }
func (WorkerStarted) kind() (slog.Level, string)     { return slog.LevelInfo, "worker started" }
func (WorkerRecycled) kind() (slog.Level, string)    { return slog.LevelInfo, "worker recycled" }
func (WorkerFailed) kind() (slog.Level, string)      { return slog.LevelError, "worker failed" }
func (WorkerBackoff) kind() (slog.Level, string)     { return slog.LevelError, "worker in backoff" }
func (WorkerStopped) kind() (slog.Level, string)     { return slog.LevelInfo, "worker stopped" }
func (WorkerAbandoned) kind() (slog.Level, string)   { return slog.LevelError, "worker abandoned" }
func (GenerationEnded) kind() (slog.Level, string)   { return slog.LevelDebug, "generation ended" }
func (SocketAdopted) kind() (slog.Level, string)     { return slog.LevelInfo, "socket adopted" }
func (PanicContained) kind() (slog.Level, string)    { return slog.LevelError, "panic contained" }
func (AcceptDelayed) kind() (slog.Level, string)     { return slog.LevelWarn, "accept delayed" }
func (ConnRefused) kind() (slog.Level, string)       { return slog.LevelWarn, "connection refused" }
func (ReaderTimedOut) kind() (slog.Level, string) {
	return slog.LevelWarn, "response not read in time"
}
func (WorkersCapped) kind() (slog.Level, string)   { return slog.LevelWarn, "workers capped" }
func (WorkersScaled) kind() (slog.Level, string)   { return slog.LevelInfo, "workers scaled" }
func (WorkersReloaded) kind() (slog.Level, string) { return slog.LevelInfo, "workers reloaded" }
func (ForeignListener) kind() (slog.Level, string) {
	return slog.LevelWarn, "foreign listener on the port"
}
func (SteeringFailed) kind() (slog.Level, string) { return slog.LevelWarn, "steering refused" }
func (ShutdownStep) kind() (slog.Level, string)   { return slog.LevelInfo, "shutdown step" }
func (GaveUp) kind() (slog.Level, string)         { return slog.LevelError, "supervisor gave up" }

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

// LogValue returns worker, generation, client, taken and waited.
func (e ReaderTimedOut) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation,
		slog.Any(keyClient, e.Client), slog.Int(keyTaken, e.Taken), slog.Duration(keyWaited, e.Waited))
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
