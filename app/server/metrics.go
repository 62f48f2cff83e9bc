package server

import (
	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/live"
)

// registerMetrics registers the metrics that are read at scrape time.
func (a *App) registerMetrics() {
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
	if lost := a.options.LogLinesLost; lost != nil {
		m.CounterFunc("smartfactory_log_lines_lost_total", func() float64 { return float64(lost()) })
	}
	m.CounterFunc("smartfactory_unmapped_states_total", func() float64 { return float64(a.states.UnmappedStates()) })
	m.CounterFunc("smartfactory_text_changes_dropped_total", func() float64 { return float64(a.texts.DroppedChanges()) })
	m.Gauge("smartfactory_store_ready", func() float64 {
		if a.store.Ready() != nil {
			return 0
		}
		return 1
	})
	m.Gauge("smartfactory_cpu_quota", a.quota.CPUs)
}

// clusterStatus returns the state of the cluster, or the zero Status after its end.
func (a *App) clusterStatus() cluster.Status {
	s, _ := a.supervisor.Status()
	return s
}

// registerMetrics registers the metrics of the sessions.
func (s *sessions) registerMetrics() {
	m := s.app.metrics
	for _, transport := range live.Transports() {
		m.Gauge("smartfactory_sessions", func() float64 { return float64(s.live.Stats().Sessions[transport]) }, "transport", transport)
		m.CounterFunc("smartfactory_slow_clients_closed_total", func() float64 { return float64(s.live.Stats().Slow[transport]) }, "transport", transport)
	}
	for _, reason := range live.RefusalReasons() {
		m.CounterFunc("smartfactory_sessions_refused_total", func() float64 { return float64(s.live.Stats().Refused[reason]) }, "reason", reason)
	}
	for name, value := range map[string]func(live.Stats) int{
		"smartfactory_rooms":         func(of live.Stats) int { return of.Rooms },
		"smartfactory_subscriptions": func(of live.Stats) int { return of.Subscriptions },
	} {
		m.Gauge(name, func() float64 { return float64(value(s.live.Stats())) })
	}
	for name, value := range map[string]func(live.Stats) uint64{
		"smartfactory_deliveries_total":          func(of live.Stats) uint64 { return of.Deliveries },
		"smartfactory_room_messages_told_total":  func(of live.Stats) uint64 { return of.Published },
		"smartfactory_room_messages_heard_total": func(of live.Stats) uint64 { return of.Received },
		"smartfactory_room_gaps_total":           func(of live.Stats) uint64 { return of.Gaps },
		"smartfactory_room_repairs_total":        func(of live.Stats) uint64 { return of.Resyncs },
	} {
		m.CounterFunc(name, func() float64 { return float64(value(s.live.Stats())) })
	}
	m.CounterFunc("smartfactory_frames_replaced_total", func() float64 {
		return float64(s.loop.Stats().Replaced + s.live.SocketIO().Engine().Stats().Replaced)
	})
	m.Gauge("smartfactory_session_memory_bytes", func() float64 { return float64(s.loop.Memory().Used()) })
	m.Gauge("smartfactory_session_memory_limit_bytes", func() float64 { return float64(s.loop.Memory().Limit()) })
	m.CounterFunc("smartfactory_sessions_evicted_total", func() float64 { return float64(s.loop.Stats().Evicted) })
	if s.broker == nil {
		return
	}
	m.Gauge("smartfactory_redis_connected", func() float64 {
		if s.redisErr() != nil {
			return 0
		}
		return 1
	})
	m.CounterFunc("smartfactory_redis_reconnects_total", func() float64 { return float64(max(s.broker.Stats().Connections, 1) - 1) })
	m.CounterFunc("smartfactory_redis_messages_dropped_total", func() float64 {
		return float64(s.broker.Stats().Dropped + s.adapter.Stats().Dropped)
	})
	m.CounterFunc("smartfactory_redis_messages_malformed_total", func() float64 { return float64(s.adapter.Stats().Malformed) })
}
