package server

import (
	"net"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/observe/metrics"
)

// describe registers the figures that are read when somebody asks for them.
func (a *App) describe() {
	m := a.metrics
	m.BuildInfo(a.options.Build.Version, a.options.Build.Commit)
	m.Store(a.store.Stats)
	for _, state := range []cluster.State{cluster.Running, cluster.Backoff, cluster.Starting, cluster.Stopping} {
		m.Gauge("smartfactory_workers", func() float64 {
			n := 0
			for _, w := range a.clusterStatus().Workers {
				if w.State == state {
					n++
				}
			}
			return float64(n)
		}, "state", string(state))
	}
	for name, value := range map[string]func(cluster.Status) int{
		"smartfactory_workers_wanted":        func(s cluster.Status) int { return s.Wanted },
		"smartfactory_connections":           func(s cluster.Status) int { return s.Conns },
		"smartfactory_websocket_sessions":    func(s cluster.Status) int { return s.Sessions },
		"smartfactory_generations_draining":  func(s cluster.Status) int { return s.DrainingGenerations },
		"smartfactory_generations_abandoned": func(s cluster.Status) int { return s.AbandonedGenerations },
		"smartfactory_requests_in_flight": func(s cluster.Status) int {
			n := 0
			for _, w := range s.Workers {
				n += w.InFlight
			}
			return n
		},
	} {
		m.Gauge(name, func() float64 { return float64(value(a.clusterStatus())) })
	}
	m.Gauge("smartfactory_store_ready", func() float64 {
		if a.store.Ready() != nil {
			return 0
		}
		return 1
	})
	m.Gauge("smartfactory_cpu_quota", a.quota.CPUs)
}

// clusterStatus is the supervisor's state; the zero one after its end.
func (a *App) clusterStatus() cluster.Status {
	s, _ := a.supervisor.Status()
	return s
}

// port is the one that is listened on.
func (a *App) port() int {
	if addr, ok := a.supervisor.Addr().(*net.TCPAddr); ok {
		return addr.Port
	}
	return a.config.Port
}

// clusterCounters count what the cluster reports. Their labels are the few
// words that the cluster uses.
type clusterCounters struct {
	panics   map[string]*metrics.Counter
	restarts *metrics.Counter
	recycled map[string]*metrics.Counter
	abandon  *metrics.Counter
	delayed  *metrics.Counter
	refused  *metrics.Counter
}

func newClusterCounters(m *metrics.Set) *clusterCounters {
	c := &clusterCounters{
		panics: map[string]*metrics.Counter{}, recycled: map[string]*metrics.Counter{},
		restarts: m.Counter("smartfactory_worker_failures_total"),
		abandon:  m.Counter("smartfactory_worker_abandonments_total"),
		delayed:  m.Counter("smartfactory_accept_delays_total"),
		refused:  m.Counter("smartfactory_connections_refused_total"),
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
	var counter *metrics.Counter
	switch e := e.(type) {
	case cluster.PanicContained:
		counter = c.panics[e.Place]
	case cluster.WorkerFailed:
		counter = c.restarts
	case cluster.WorkerRecycled:
		counter = c.recycled[e.Reason]
	case cluster.WorkerAbandoned:
		counter = c.abandon
	case cluster.AcceptDelayed:
		counter = c.delayed
	case cluster.ConnRefused:
		counter = c.refused
	}
	if counter != nil {
		counter.Inc()
	}
}
