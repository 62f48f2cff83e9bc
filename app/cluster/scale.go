package cluster

import (
	"slices"
	"time"
)

// Scale sets the number of workers by hand; 0 follows GOMAXPROCS again. More
// than GOMAXPROCS are capped. Scaling up opens a socket where there are too
// few; scaling down hands the spare ones to the workers that stay. It returns
// the number that there are now, and whether it was capped. A negative number
// is an error. During shutdown it returns ErrStopped.
func (s *Supervisor) Scale(n int) (now int, capped bool, err error) {
	if n < 0 {
		return 0, false, negativeWorkersError(n)
	}
	failed := s.call(func() {
		s.requested = n
		capped, err = s.rescale("asked for")
		now = s.wanted
	})
	if failed != nil {
		return 0, false, failed
	}
	return now, capped, err
}

// Resize looks at GOMAXPROCS again, which the caller has changed. During
// shutdown it returns ErrStopped.
func (s *Supervisor) Resize() error {
	var err error
	if failed := s.call(func() { _, err = s.rescale("GOMAXPROCS") }); failed != nil {
		return failed
	}
	return err
}

// rescale brings sockets and slots to the number that is wanted now.
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
	s.step() // the workers that stay take over first
	for _, sl := range s.slots[s.wanted:] {
		if w := sl.worker; w != nil {
			sl.worker = nil
			s.drain(w)
			s.observe(Event{Kind: WorkerStopped, Worker: sl.id, Generation: w.generation, Reason: reason})
		}
		sl.retryAt, sl.backoff = 0, false
	}
	s.observe(Event{Kind: WorkersScaled, Count: s.wanted, Reason: reason})
	return capped, nil
}

// mayAddSocket reports whether the sockets may become more. Beside a stranger
// they may not: a new one would come after the stranger's in the kernel's list,
// whose first ones get the connections. The workers share what there is then.
func (s *Supervisor) canAddSocket() bool {
	return !s.sockets[0].inherited && countForeignListeners(s.sockets) == 0
}

// reviveAny ends the backoff of the slots that stay, if none has a worker: the
// workers that did are about to go, which is not a reason to give up.
func (s *Supervisor) endBackoffIfNoWorker() {
	stay := s.slots[:s.wanted]
	if slices.ContainsFunc(stay, func(sl *slot) bool { return sl.worker != nil }) {
		return
	}
	for _, sl := range stay {
		sl.retryAt, sl.backoff = 0, false
	}
}

// resize sets wanted and makes the slots for it.
func (s *Supervisor) updateWanted() (capped bool) {
	s.wanted, capped = workerCount(s.requested)
	if capped {
		s.observe(Event{Kind: WorkersCapped, Count: s.requested, Limit: s.wanted})
	}
	for len(s.slots) < s.wanted {
		s.slots = append(s.slots, &slot{id: len(s.slots) + 1, intensity: restartIntensity{
			maxRestarts: s.opts.MaxRestarts, window: s.opts.RestartWindow,
			minBackoff: s.opts.BackoffMin, maxBackoff: s.opts.BackoffMax,
		}})
	}
	return capped
}

// Reload recycles the workers one at a time. A slot in backoff stays there.
// It returns how many were recycled.
func (s *Supervisor) Reload() (int, error) {
	begin := time.Now()
	recycled := 0
	for i := 0; ; i++ {
		more := false
		err := s.call(func() {
			more = i < s.wanted
			if more && s.slots[i].worker != nil && s.start(s.slots[i], "reload") {
				recycled++
			}
		})
		if err != nil {
			return recycled, err
		}
		if !more {
			break
		}
	}
	s.observe(Event{Kind: WorkersReloaded, Count: recycled, Delay: time.Since(begin)})
	return recycled, nil
}

// kill ends the accept loops of a slot's present worker.
func (s *Supervisor) killAcceptLoops(sl *slot) {
	_ = s.call(func() {
		if sl.worker != nil {
			for _, l := range sl.worker.loops {
				l.kill()
			}
		}
	})
}
