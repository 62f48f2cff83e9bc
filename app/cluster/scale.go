package cluster

import (
	"slices"
	"time"
)

// Scale sets the number of workers and returns the new number. 0 follows
// GOMAXPROCS again; a number above GOMAXPROCS is lowered to it and reported as
// capped; a negative one is an error. Scaling up opens further sockets if
// there are too few. Scaling down passes the sockets of the slots that are
// given up to the remaining workers. During shutdown Scale returns ErrStopped.
func (s *Supervisor) Scale(n int) (now int, capped bool, err error) {
	if n < 0 {
		return 0, false, negativeWorkersError(n)
	}
	stopped := s.call(func() {
		s.requested = n
		capped, err = s.rescale("asked for")
		now = s.wanted
	})
	if stopped != nil {
		return 0, false, stopped
	}
	return now, capped, err
}

// Resize adapts the number of workers to GOMAXPROCS, which the caller has
// changed. During shutdown it returns ErrStopped.
func (s *Supervisor) Resize() error {
	var err error
	if stopped := s.call(func() { _, err = s.rescale("GOMAXPROCS") }); stopped != nil {
		return stopped
	}
	return err
}

// rescale adapts the slots and sockets to the wanted number of workers.
func (s *Supervisor) rescale(reason string) (capped bool, err error) {
	if s.shuttingDown.Load() {
		return false, ErrStopped
	}
	before := s.wanted
	capped = s.updateWanted()
	if s.wanted == before {
		return capped, nil
	}
	for len(s.sockets) < s.wanted && s.canAddSocket() {
		sock, err := s.sockets[0].openSibling()
		if err != nil {
			s.wanted = before
			return capped, err
		}
		s.sockets = append(s.sockets, sock)
		s.attachSteering()
	}
	s.endBackoffIfNoWorker()
	s.step() // the remaining workers take over the sockets first
	for _, sl := range s.slots[s.wanted:] {
		if w := sl.worker; w != nil {
			sl.worker = nil
			s.drain(w)
			s.emit(WorkerStopped{Worker: sl.id, Generation: w.generation, Reason: reason})
		}
		sl.retryAt, sl.backoff = 0, false
	}
	s.emit(WorkersScaled{Workers: s.wanted, Reason: reason})
	return capped, nil
}

// canAddSocket reports whether another socket may be opened. Not beside a
// foreign listener: the kernel would list the new socket after the foreign
// one, and steering selects the first sockets of that list. The workers then
// share the existing sockets.
func (s *Supervisor) canAddSocket() bool {
	return !s.sockets[0].inherited && countForeignListeners(s.sockets) == 0
}

// endBackoffIfNoWorker ends the backoff of the remaining slots if none of them
// has a worker. The present workers are about to stop because of the scaling,
// which is no reason to give up.
func (s *Supervisor) endBackoffIfNoWorker() {
	remaining := s.slots[:s.wanted]
	if slices.ContainsFunc(remaining, func(sl *slot) bool { return sl.worker != nil }) {
		return
	}
	for _, sl := range remaining {
		sl.retryAt, sl.backoff = 0, false
	}
}

// updateWanted sets wanted and adds the slots that it needs.
func (s *Supervisor) updateWanted() (capped bool) {
	s.wanted, capped = workerCount(s.requested)
	if capped {
		s.emit(WorkersCapped{Requested: s.requested, Allowed: s.wanted})
	}
	for len(s.slots) < s.wanted {
		s.slots = append(s.slots, &slot{id: len(s.slots) + 1, intensity: restartIntensity{Restart: s.opts.Restart}})
	}
	return capped
}

// Reload recycles the workers one at a time and returns how many. It leaves
// slots in backoff alone.
func (s *Supervisor) Reload() (int, error) {
	begin := time.Now()
	recycled := 0
	for i, more := 0, true; more; i++ {
		err := s.call(func() {
			if more = i < s.wanted; !more {
				s.emit(WorkersReloaded{Recycled: recycled, Duration: time.Since(begin)})
			} else if s.slots[i].worker != nil && s.start(s.slots[i], "reload") {
				recycled++
			}
		})
		if err != nil {
			return recycled, err
		}
	}
	return recycled, nil
}

// killAcceptLoops ends the accept loops of a slot's present worker.
func (s *Supervisor) killAcceptLoops(sl *slot) {
	_ = s.call(func() {
		if sl.worker != nil {
			for _, l := range sl.worker.loops {
				l.kill()
			}
		}
	})
}
