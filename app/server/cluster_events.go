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

// observer logs and counts the cluster's events. A fault that repeats is
// logged once per repeatInterval. It may be used concurrently.
type observer struct {
	log      *slog.Logger
	counters *clusterCounters

	mu     sync.Mutex
	faults map[string]*repeatedFault
}

// repeatedFault is a fault that was logged recently.
type repeatedFault struct {
	loggedAt   time.Time
	suppressed int // since then
}

const (
	// repeatInterval is the minimum time between two log lines for the same fault.
	repeatInterval = 10 * time.Second
	// maxFaults limits the number of faults that are tracked.
	maxFaults = 64
	// maxFaultValue limits how much of a panic value identifies a fault.
	maxFaultValue = 200
)

func newObserver(log *slog.Logger, m *metrics.Set) *observer {
	return &observer{log: log, counters: newClusterCounters(m), faults: map[string]*repeatedFault{}}
}

// observe is called with every event of the cluster.
func (o *observer) observe(e cluster.Event) {
	o.counters.count(e)
	attrs := e.LogValue().Group()
	if _, ok := e.(cluster.WorkersCapped); ok {
		attrs = append(attrs, slog.String(keyCause, "more workers than GOMAXPROCS: CLUSTER_WORKERS is capped; set GOMAXPROCS to raise both"))
	}
	attrs = append(attrs, seeEvent(e))
	if fault := faultOf(e); fault != "" {
		suppressed, due := o.logDue(fault)
		if !due {
			return
		}
		if suppressed > 0 {
			attrs = append(attrs, slog.Int(keyRepeated, suppressed))
		}
	}
	o.log.LogAttrs(context.Background(), cluster.Level(e), cluster.Message(e), attrs...) //nolint:sloglint // a Message is one of the cluster's constants
}

// faultOf identifies the fault that an event reports; "" for events that are
// logged every time.
func faultOf(e cluster.Event) string {
	switch e := e.(type) {
	case cluster.PanicContained:
		value := fmt.Sprint(e.Value)
		return fmt.Sprint(cluster.Message(e), e.Place, value[:min(len(value), maxFaultValue)])
	case cluster.AcceptDelayed:
		return fmt.Sprint(cluster.Message(e), e.Err)
	case cluster.ConnRefused:
		return fmt.Sprint(cluster.Message(e), e.Limit)
	case cluster.ReaderTimedOut:
		return cluster.Message(e)
	}
	return ""
}

// logDue reports whether a fault is to be logged now, and how often it was not
// logged since the last time.
func (o *observer) logDue(fault string) (suppressed int, due bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	f := o.faults[fault]
	if f != nil && now.Sub(f.loggedAt) < repeatInterval {
		f.suppressed++
		return 0, false
	}
	if f == nil {
		if len(o.faults) >= maxFaults {
			clear(o.faults)
		}
		f = &repeatedFault{}
		o.faults[fault] = f
	}
	suppressed, f.suppressed, f.loggedAt = f.suppressed, 0, now
	return suppressed, true
}

// clusterCounters counts the events of the cluster. The label values are a fixed set.
type clusterCounters struct {
	panics, recycled                    map[string]*metrics.Counter
	restarts, abandon, delayed, refused *metrics.Counter
	slowReaders                         *metrics.Counter
}

func newClusterCounters(m *metrics.Set) *clusterCounters {
	c := &clusterCounters{
		panics: map[string]*metrics.Counter{}, recycled: map[string]*metrics.Counter{},
		restarts: m.Counter("smartfactory_worker_failures_total"),
		abandon:  m.Counter("smartfactory_worker_abandonments_total"),
		delayed:  m.Counter("smartfactory_accept_delays_total"),
		refused:  m.Counter("smartfactory_connections_refused_total"),

		slowReaders: m.Counter("smartfactory_slow_readers_total"),
	}
	for _, place := range cluster.Places() {
		c.panics[place] = m.Counter("smartfactory_panics_total", "place", place)
	}
	for _, reason := range []string{"panic", "reload"} {
		c.recycled[reason] = m.Counter("smartfactory_worker_recycles_total", "reason", reason)
	}
	return c
}

func (c *clusterCounters) count(e cluster.Event) {
	switch e := e.(type) {
	case cluster.PanicContained:
		c.panics[e.Place].Inc()
	case cluster.WorkerFailed:
		c.restarts.Inc()
	case cluster.WorkerRecycled:
		c.recycled[e.Reason].Inc()
	case cluster.WorkerAbandoned:
		c.abandon.Inc()
	case cluster.AcceptDelayed:
		c.delayed.Inc()
	case cluster.ConnRefused:
		c.refused.Inc()
	case cluster.ReaderTimedOut:
		c.slowReaders.Inc()
	}
}
