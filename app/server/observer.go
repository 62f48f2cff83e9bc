package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/observe/metrics"
)

// observer turns what the cluster reports into logs and counts.
type observer struct {
	log      *slog.Logger
	counters *clusterCounters

	mu     sync.Mutex
	recent map[string]*repetition
}

// repetition is a fault that was logged lately.
type repetition struct {
	logged time.Time
	unsaid int
}

const (
	// repeatEvery is how often one and the same fault is logged.
	repeatEvery = 10 * time.Second
	// mostFaults is how many different faults are told apart.
	mostFaults = 64
)

func newObserver(log *slog.Logger, m *metrics.Set) *observer {
	return &observer{log: log, counters: newClusterCounters(m), recent: map[string]*repetition{}}
}

// observe is the cluster's hook. It may be called concurrently.
func (o *observer) observe(e cluster.Event) {
	o.counters.count(e)
	level := slog.LevelInfo
	switch e.Kind {
	case cluster.PanicContained, cluster.WorkerFailed, cluster.WorkerBackoff, cluster.WorkerAbandoned, cluster.GaveUp:
		level = slog.LevelError
	case cluster.AcceptDelayed, cluster.ConnRefused, cluster.WorkersCapped, cluster.ForeignListener, cluster.SteeringFailed:
		level = slog.LevelWarn
	case cluster.GenerationEnded:
		level = slog.LevelDebug
	}
	attrs := attributes(e)
	if fault := faultOf(e); fault != "" {
		repeated, say := o.repeats(fault)
		if !say {
			return
		}
		if repeated > 0 {
			attrs = append(attrs, slog.Int(keyRepeated, repeated))
		}
	}
	o.log.LogAttrs(context.Background(), level, string(e.Kind), attrs...) //nolint:sloglint // a Kind is one of the cluster's constants
}

// faultOf says which fault an event repeats; "" for events that are always
// logged.
func faultOf(e cluster.Event) string {
	switch e.Kind {
	case cluster.PanicContained:
		value := fmt.Sprint(e.Value)
		return fmt.Sprint(e.Kind, e.Reason, value[:min(len(value), 200)])
	case cluster.AcceptDelayed, cluster.ConnRefused:
		return fmt.Sprint(e.Kind, e.Reason, e.Err)
	}
	return ""
}

// repeats reports whether a fault is to be logged now, and how often it has
// gone unsaid since it last was.
func (o *observer) repeats(fault string) (unsaid int, say bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	r := o.recent[fault]
	if r != nil && now.Sub(r.logged) < repeatEvery {
		r.unsaid++
		return 0, false
	}
	if r == nil {
		if len(o.recent) >= mostFaults {
			clear(o.recent)
		}
		r = &repetition{}
		o.recent[fault] = r
	}
	unsaid, r.unsaid, r.logged = r.unsaid, 0, now
	return unsaid, true
}

func attributes(e cluster.Event) []slog.Attr {
	var attrs []slog.Attr
	if e.Worker > 0 {
		attrs = append(attrs, slog.Int(keyWorker, e.Worker))
	}
	if e.Generation > 0 {
		attrs = append(attrs, slog.Int(keyGeneration, e.Generation))
	}
	switch e.Kind {
	case cluster.SupervisorStarted, cluster.WorkersScaled, cluster.WorkersReloaded:
		attrs = append(attrs, slog.Int(keyWorkers, e.Count))
	case cluster.SocketAdopted:
		attrs = append(attrs, slog.Int(keySlot, e.Count))
	case cluster.PanicContained:
		attrs = append(attrs, slog.String(keyPlace, e.Reason), slog.String(keyValue, panicValue(e)))
		e.Reason = ""
	case cluster.ShutdownStep:
		attrs = append(attrs, slog.String(keyStep, e.Reason), slog.Duration(keyDuration, e.Delay), slog.Int(keyCount, e.Count))
		return attrs
	case cluster.WorkersCapped:
		attrs = append(attrs, slog.Int(keyCount, e.Count), slog.Int(keyLimit, e.Limit),
			slog.String(keyCause, "more workers than GOMAXPROCS: CLUSTER_WORKERS is capped; set GOMAXPROCS to raise both"))
	default:
		if e.Count > 0 {
			attrs = append(attrs, slog.Int(keyCount, e.Count))
		}
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String(keyReason, e.Reason))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String(keyError, e.Err.Error()))
	}
	if e.Delay > 0 {
		attrs = append(attrs, slog.Duration(keyDelay, e.Delay))
	}
	if len(e.Stack) > 0 {
		attrs = append(attrs, slog.String(keyStack, string(e.Stack)))
	}
	return attrs
}

func panicValue(e cluster.Event) string {
	if e.Value == nil {
		return "runtime.Goexit"
	}
	return fmt.Sprint(e.Value)
}
