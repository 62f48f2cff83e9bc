package cluster

import "time"

// Status is the state of a Supervisor at one moment.
type Status struct {
	// Wanted is how many workers there should be.
	Wanted   int
	Draining bool
	Workers  []WorkerStatus
	// Leftover counts the generations that still drain, Abandoned those of
	// them that are stuck.
	DrainingGenerations, AbandonedGenerations int
	// Conns counts all open connections, Sessions the hijacked among them.
	Conns, Sessions int
	// Refused counts the connections closed unheard because of the limits.
	Refused uint64
}

// WorkerStatus is the state of one slot. The numbers include those of its
// former generations that still drain.
type WorkerStatus struct {
	ID, Generation int
	State          State
	// Uptime is the present generation's; 0 while there is none.
	Uptime time.Duration
	// Restarts counts failures of the whole worker, Panics contained ones.
	Restarts, Panics uint64
	// Conns are open, InFlight of them are in their handler.
	Conns, InFlight int
	// Requests counts all since start.
	Requests uint64
	// RetryIn is how long the slot stays in backoff.
	RetryIn time.Duration
	// AdoptedBy is the worker that accepts on the slot's socket while it has
	// none; 0 otherwise.
	AdoptedBy int
}

// Status returns the present state, or ErrStopped.
func (s *Supervisor) Status() (Status, error) {
	var st Status
	err := s.call(func() { st = s.status() })
	return st, err
}

func (s *Supervisor) status() Status {
	st := Status{
		Wanted: s.wanted, Draining: s.shuttingDown.Load(), Refused: s.refused.Load(),
		DrainingGenerations: len(s.draining), AbandonedGenerations: s.countAbandoned(),
		Conns: int(s.conns.Load()), Sessions: s.sessions.len(),
	}
	for i, sl := range s.slots[:s.wanted] {
		st.Workers = append(st.Workers, s.statusOf(i, sl))
	}
	return st
}

func (s *Supervisor) statusOf(i int, sl *slot) WorkerStatus {
	now := nanos()
	ws := WorkerStatus{
		ID: sl.id, Generation: sl.generation, State: Running,
		Restarts: sl.restartCount, Panics: sl.panics.Load(), Requests: sl.endedRequests,
	}
	add := func(w *worker) {
		open, busy, requests := w.conns.count()
		ws.Conns += open
		ws.InFlight += busy
		ws.Requests += requests
	}
	for _, w := range s.draining {
		if w.slot == sl {
			add(w)
		}
	}
	switch {
	case sl.worker != nil:
		ws.Uptime = time.Duration(now - sl.worker.started)
		add(sl.worker)
	case sl.backoff:
		ws.State, ws.RetryIn = Backoff, time.Duration(max(0, sl.retryAt-now))
	default:
		ws.State = Starting
	}
	if s.shuttingDown.Load() {
		ws.State = Stopping
	}
	if sl.worker == nil {
		for _, other := range s.slots[:s.wanted] {
			if other.worker != nil && other.worker.accepts(s.sockets[i%len(s.sockets)]) {
				ws.AdoptedBy = other.id
			}
		}
	}
	return ws
}
