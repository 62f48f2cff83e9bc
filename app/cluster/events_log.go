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

func (SupervisorStarted) Message() string { return "supervisor started" }
func (WorkerStarted) Message() string     { return "worker started" }
func (WorkerRecycled) Message() string    { return "worker recycled" }
func (WorkerFailed) Message() string      { return "worker failed" }
func (WorkerBackoff) Message() string     { return "worker in backoff" }
func (WorkerStopped) Message() string     { return "worker stopped" }
func (WorkerAbandoned) Message() string   { return "worker abandoned" }
func (GenerationEnded) Message() string   { return "generation ended" }
func (SocketAdopted) Message() string     { return "socket adopted" }
func (PanicContained) Message() string    { return "panic contained" }
func (AcceptDelayed) Message() string     { return "accept delayed" }
func (ConnRefused) Message() string       { return "connection refused" }
func (WorkersCapped) Message() string     { return "workers capped" }
func (WorkersScaled) Message() string     { return "workers scaled" }
func (WorkersReloaded) Message() string   { return "workers reloaded" }
func (ForeignListener) Message() string   { return "foreign listener on the port" }
func (SteeringFailed) Message() string    { return "steering refused" }
func (ShutdownStep) Message() string      { return "shutdown step" }
func (GaveUp) Message() string            { return "supervisor gave up" }

func (e SupervisorStarted) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorkers, e.Workers))
}

func (e WorkerStarted) LogValue() slog.Value { return workerGroup(e.Worker, e.Generation) }

func (e WorkerRecycled) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.String(keyReason, e.Reason))
}

func (e WorkerFailed) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, errorAttr(e.Err))
}

func (e WorkerBackoff) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorker, e.Worker), slog.Int(keyCount, e.Failures), slog.Duration(keyDelay, e.Delay))
}

func (e WorkerStopped) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.String(keyReason, e.Reason))
}

func (e WorkerAbandoned) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation,
		slog.Int(keyCount, e.Abandoned), errorAttr(e.Err), slog.String(keyStack, string(e.Stacks)))
}

func (e GenerationEnded) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.Duration(keyDelay, e.DrainTime))
}

func (e SocketAdopted) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorker, e.Worker), slog.Int(keySlot, e.Slot))
}

func (e PanicContained) LogValue() slog.Value {
	value := "runtime.Goexit"
	if e.Value != nil {
		value = fmt.Sprint(e.Value)
	}
	return workerGroup(e.Worker, e.Generation,
		slog.String(keyPlace, e.Place), slog.String(keyValue, value), slog.String(keyStack, string(e.Stack)))
}

func (e AcceptDelayed) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, errorAttr(e.Err), slog.Duration(keyDelay, e.Delay))
}

func (e ConnRefused) LogValue() slog.Value {
	return workerGroup(e.Worker, e.Generation, slog.String(keyReason, e.Limit))
}

func (e WorkersCapped) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyCount, e.Requested), slog.Int(keyLimit, e.Allowed))
}

func (e WorkersScaled) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorkers, e.Workers), slog.String(keyReason, e.Reason))
}

func (e WorkersReloaded) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyWorkers, e.Recycled), slog.Duration(keyDelay, e.Duration))
}

func (e ForeignListener) LogValue() slog.Value {
	return slog.GroupValue(slog.Int(keyCount, e.Sockets))
}

func (e SteeringFailed) LogValue() slog.Value { return slog.GroupValue(errorAttr(e.Err)) }

func (e ShutdownStep) LogValue() slog.Value {
	return slog.GroupValue(slog.String(keyStep, e.Step), slog.Duration(keyDuration, e.Duration), slog.Int(keyCount, e.Count))
}

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
