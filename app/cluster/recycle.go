package cluster

import (
	"slices"
	"time"
)

// descriptorRetry is how long to wait before an action that failed because the
// process had no free file descriptor is tried again.
const descriptorRetry = 100 * time.Millisecond

// step brings the workers to their wanted state and returns when it must be
// called again at the latest.
func (s *Supervisor) step() time.Duration {
	now := nanos()
	next := time.Hour
	s.total.Store(int64(s.wanted))
	for _, sl := range s.slots[:s.wanted] {
		next = min(next, s.stepSlot(sl, now))
	}
	s.removeDrained()
	if !s.assignSockets() {
		next = min(next, descriptorRetry)
	}
	running, inBackoff := 0, 0
	for _, sl := range s.slots[:s.wanted] {
		if sl.worker != nil {
			running++
		} else if sl.backoff {
			inBackoff++
		}
	}
	s.running.Store(int64(running))
	if inBackoff == s.wanted {
		s.giveUp(errNoWorkers)
	}
	return next
}

// stepSlot does what is due in one slot and returns when the next action is.
func (s *Supervisor) stepSlot(sl *slot, now int64) time.Duration {
	if sl.worker != nil {
		if err := sl.worker.failure.Load(); err != nil {
			s.removeFailed(sl, *err)
		}
	}
	if sl.worker == nil {
		if wait := sl.retryAt - now; wait > 0 {
			return time.Duration(wait)
		}
		if !s.start(sl, "") {
			sl.retryAt = now + int64(descriptorRetry)
			return descriptorRetry
		}
		return time.Hour
	}
	if sl.recycle.Load() {
		if wait := sl.recycledAt + int64(s.opts.Restart.MinUptime) - now; wait > 0 {
			return time.Duration(wait)
		}
		if !s.start(sl, "panic") {
			return descriptorRetry
		}
	}
	return time.Hour
}

// start starts the next generation of a slot. It accepts connections before
// the previous one, if any, drains. start reports false, and changes nothing,
// if the process has no free file descriptor.
func (s *Supervisor) start(sl *slot, reason string) bool {
	w := s.newWorker(sl)
	if s.shuttingDown.Load() {
		w.draining.Store(true)
	}
	old := sl.worker
	if old == nil {
		s.running.Add(1) // before it accepts: a probe that it serves must not read 0
	}
	for _, sock := range s.socketsOf(sl) {
		if w.listen(sock) != nil {
			w.closeLoops()
			return false // the rest of this step corrects the count
		}
	}
	sl.recycle.Store(false) // now, so that a panic in the new generation is not missed
	sl.worker, sl.generation = w, w.generation
	sl.recycledAt, sl.retryAt, sl.backoff = w.started, 0, false
	if old == nil {
		s.emit(WorkerStarted{Worker: sl.id, Generation: w.generation})
		return true
	}
	for _, l := range old.loops { // includes the sockets that it had adopted
		if !w.accepts(l.socket) {
			_ = w.listen(l.socket) // assignSockets tries again
		}
	}
	s.drain(old)
	s.emit(WorkerRecycled{Worker: sl.id, Generation: w.generation, Reason: reason})
	return true
}

// drain lets a generation finish: it accepts no more connections, its requests
// complete, and each kept-alive connection gets one more response.
func (s *Supervisor) drain(w *worker) {
	w.draining.Store(true)
	w.drainStarted = nanos()
	w.closeLoops()
	s.draining = append(s.draining, w)
}

// removeFailed takes a worker that failed as a whole out of its slot.
func (s *Supervisor) removeFailed(sl *slot, err error) {
	w := sl.worker
	sl.worker = nil
	s.running.Add(-1)
	s.drain(w)
	s.emit(WorkerFailed{Worker: sl.id, Generation: w.generation, Err: err})
	now := nanos()
	sl.restarts++
	if delay := sl.intensity.recordFailure(time.Duration(now)); delay > 0 {
		sl.retryAt, sl.backoff = now+int64(delay), true
		s.emit(WorkerBackoff{Worker: sl.id, Failures: sl.intensity.recent(), Delay: delay})
	}
}

// removeDrained removes the draining generations whose last connection is
// closed.
func (s *Supervisor) removeDrained() {
	s.draining = slices.DeleteFunc(s.draining, func(w *worker) bool {
		if w.accepting.Load() > 0 || w.conns.len() > 0 {
			return false
		}
		_, _, requests := w.conns.count()
		w.slot.endedRequests += requests
		s.emit(GenerationEnded{
			Worker: w.slot.id, Generation: w.generation,
			DrainTime: time.Duration(nanos() - w.drainStarted),
		})
		return true
	})
}

// giveUp makes Run shut down and return ErrGaveUp.
func (s *Supervisor) giveUp(err error) {
	if s.gaveUp != nil {
		return
	}
	s.gaveUp = &giveUpError{err}
	s.emit(GaveUp{Err: err})
}
