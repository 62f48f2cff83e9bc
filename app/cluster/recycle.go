package cluster

import (
	"slices"
	"time"
)

// retrySoon is when something is tried again that lacked a file descriptor.
const retrySoon = 100 * time.Millisecond

// step brings the workers to where they should be and returns when it must be
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
		next = min(next, retrySoon)
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

// stepSlot does what is due in one slot and returns when the next thing is.
func (s *Supervisor) stepSlot(sl *slot, now int64) time.Duration {
	if sl.worker != nil {
		if failure := sl.worker.failure.Load(); failure != nil {
			s.removeFailed(sl, *failure)
		}
	}
	if sl.worker == nil {
		if wait := sl.retryAt - now; wait > 0 {
			return time.Duration(wait)
		}
		if !s.start(sl, "") {
			sl.retryAt = now + int64(retrySoon)
			return retrySoon
		}
		return time.Hour
	}
	if sl.recycle.Load() {
		if wait := sl.recycledAt + int64(s.opts.MinUptime) - now; wait > 0 {
			return time.Duration(wait)
		}
		if !s.start(sl, "panic") {
			return retrySoon
		}
	}
	return time.Hour
}

// start puts the next generation into a slot. It accepts before the old one,
// if there is one, drains. It reports false when there was no file descriptor
// for it; nothing has changed then.
func (s *Supervisor) start(sl *slot, reason string) bool {
	w := s.newWorker(sl)
	if s.shuttingDown.Load() {
		w.draining.Store(true)
	}
	old := sl.worker
	if old == nil {
		s.running.Add(1) // whoever it answers may ask for it
	}
	for _, sock := range s.socketsOf(sl) {
		if w.listen(sock) != nil {
			w.closeLoops()
			return false // the step that this is part of counts again
		}
	}
	sl.recycle.Store(false) // before the old one is out: a panic in the new one counts
	sl.worker, sl.generation = w, w.generation
	sl.recycledAt, sl.retryAt, sl.backoff = w.started, 0, false
	if old == nil {
		s.observe(Event{Kind: WorkerStarted, Worker: sl.id, Generation: w.generation})
		return true
	}
	for _, l := range old.loops { // sockets adopted by the old one go along
		if !w.accepts(l.socket) {
			_ = w.listen(l.socket) // assign tries again
		}
	}
	s.drain(old)
	s.observe(Event{Kind: WorkerRecycled, Worker: sl.id, Generation: w.generation, Reason: reason})
	return true
}

// drain lets a generation finish: it accepts no more, its requests end, and
// each of its kept-alive connections is answered once more.
func (s *Supervisor) drain(w *worker) {
	w.draining.Store(true)
	w.drainStarted = nanos()
	w.closeLoops()
	s.draining = append(s.draining, w)
}

// fail takes a worker that ended as a whole out of its slot.
func (s *Supervisor) removeFailed(sl *slot, err error) {
	w := sl.worker
	sl.worker = nil
	s.running.Add(-1)
	s.drain(w)
	s.observe(Event{Kind: WorkerFailed, Worker: sl.id, Generation: w.generation, Err: err})
	now := nanos()
	sl.restartCount++
	if delay := sl.intensity.recordFailure(time.Duration(now)); delay > 0 {
		sl.retryAt, sl.backoff = now+int64(delay), true
		s.observe(Event{Kind: WorkerBackoff, Worker: sl.id, Delay: delay, Count: sl.intensity.recent()})
	}
}

// reap lets go of generations whose last connection is closed.
func (s *Supervisor) removeDrained() {
	s.draining = slices.DeleteFunc(s.draining, func(w *worker) bool {
		if w.accepting.Load() > 0 || w.conns.len() > 0 {
			return false
		}
		_, _, requests := w.conns.count()
		w.slot.endedRequests += requests
		s.observe(Event{
			Kind: GenerationEnded, Worker: w.slot.id, Generation: w.generation,
			Delay: time.Duration(nanos() - w.drainStarted),
		})
		return true
	})
}

// socketsOf returns the sockets that a slot's worker accepts on by right. With
// inherited sockets there may be fewer, or more, than slots.
func (s *Supervisor) socketsOf(sl *slot) []*socket {
	own := []*socket{s.sockets[(sl.id-1)%len(s.sockets)]}
	for i := sl.id - 1 + s.wanted; i < len(s.sockets); i += s.wanted {
		own = append(own, s.sockets[i])
	}
	return own
}

// assign sees to it that every socket is accepted on: by its own slot's
// worker, or else by the sibling that has the fewest. Loops that are too many
// end only after the right ones have begun. It reports false when a loop could
// not begin for want of a file descriptor.
func (s *Supervisor) assignSockets() bool {
	owners := map[*socket][]*worker{}
	duties := map[*worker]int{}
	for _, sl := range s.slots[:s.wanted] {
		if sl.worker == nil {
			continue
		}
		for _, sock := range s.socketsOf(sl) {
			owners[sock] = append(owners[sock], sl.worker)
			duties[sl.worker]++
		}
	}
	if len(duties) == 0 {
		return true
	}
	complete := true
	for i, sock := range s.sockets {
		adopted := len(owners[sock]) == 0
		if adopted {
			w := s.leastBusy(duties, sock)
			owners[sock] = []*worker{w}
			duties[w]++
		}
		for _, w := range owners[sock] {
			if w.accepts(sock) {
				continue
			}
			if w.listen(sock) != nil {
				complete = false
			} else if adopted {
				s.observe(Event{Kind: SocketAdopted, Worker: w.slot.id, Count: i + 1})
			}
		}
	}
	if complete {
		for w := range duties {
			w.closeLoopsExcept(func(l *acceptLoop) bool { return slices.Contains(owners[l.socket], w) })
		}
	}
	return complete
}

// leastBusy picks who adopts a socket: who already has it, or has the fewest.
func (s *Supervisor) leastBusy(duties map[*worker]int, sock *socket) *worker {
	var best *worker
	for _, sl := range s.slots[:s.wanted] {
		w := sl.worker
		switch {
		case w == nil:
		case w.accepts(sock):
			return w
		case best == nil || duties[w] < duties[best]:
			best = w
		}
	}
	return best
}

// accepts reports whether the worker has an accept loop on the socket.
func (w *worker) accepts(sock *socket) bool {
	return slices.ContainsFunc(w.loops, func(l *acceptLoop) bool { return l.socket == sock })
}

// keepLoops ends the loops that keep does not hold for.
func (w *worker) closeLoopsExcept(keep func(*acceptLoop) bool) {
	w.loops = slices.DeleteFunc(w.loops, func(l *acceptLoop) bool {
		if keep(l) {
			return false
		}
		l.close()
		return true
	})
}

func (w *worker) closeLoops() { w.closeLoopsExcept(func(*acceptLoop) bool { return false }) }

func (s *Supervisor) giveUp(err error) {
	if s.gaveUp != nil {
		return
	}
	s.gaveUp = &giveUpError{err}
	s.observe(Event{Kind: GaveUp, Err: err})
}
