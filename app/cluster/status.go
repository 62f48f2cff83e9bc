package cluster

import "time"

// Status is the state of a Supervisor at one moment.
type Status struct {
	// Wanted is how many workers there should be.
	Wanted   int
	Draining bool // the shutdown has begun
	Workers  []WorkerStatus
	// DrainingGenerations counts the replaced generations that have not ended,
	// AbandonedGenerations those of them that are stuck.
	DrainingGenerations, AbandonedGenerations int
	// Conns counts all open connections, Sessions those that have left HTTP.
	Conns, Sessions int
	// Refused counts the connections that Limits closed unanswered.
	Refused uint64
}

// WorkerStatus is the state of one slot. Its counts include the draining
// generations of the slot.
type WorkerStatus struct {
	ID, Generation int
	State          State
	// Uptime is that of the present generation; 0 if there is none.
	Uptime time.Duration
	// Restarts counts the failures of the whole worker, Panics the contained
	// ones.
	Restarts, Panics uint64
	// Conns counts the open connections, InFlight those in their handler.
	Conns, InFlight int
	// Requests counts all requests since the start.
	Requests uint64
	// RetryIn is the remaining backoff.
	RetryIn time.Duration
	// AdoptedBy is the id of the worker that accepts on the slot's socket
	// while the slot has none; 0 otherwise.
	AdoptedBy int
}

// Status returns the present state, or ErrStopped if Run does not run.
func (s *Supervisor) Status() (Status, error) {
	var st Status
	err := s.call(func() { st = s.status() })
	return st, err
}

func (s *Supervisor) status() Status {
	st := Status{
		Wanted: s.wanted, Draining: s.shuttingDown.Load(), Refused: s.limiter.refused.Load(),
		DrainingGenerations: len(s.draining), AbandonedGenerations: s.countAbandoned(),
		Conns: int(s.limiter.open.Load()), Sessions: s.sessions.len(),
	}
	for i, sl := range s.slots[:s.wanted] {
		st.Workers = append(st.Workers, s.workerStatus(i, sl))
	}
	return st
}

func (s *Supervisor) workerStatus(i int, sl *slot) WorkerStatus {
	now := nanos()
	ws := WorkerStatus{
		ID: sl.id, Generation: sl.generation, State: Running,
		Restarts: sl.restarts, Panics: sl.panics.Load(), Requests: sl.endedRequests,
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
