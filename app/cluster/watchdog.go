package cluster

import (
	"bytes"
	"runtime"
)

// stackDump is the most that is kept of the stacks of a stuck generation.
const stackDump = 64 << 10

// watch is the watchdog: it looks for accept loops that do not answer and for
// requests that are stuck, and does small housekeeping.
func (s *Supervisor) runWatchdog() {
	now := s.clock.refresh()
	for _, sl := range s.slots[:s.wanted] {
		w := sl.worker
		if w == nil {
			continue
		}
		if err := s.checkWorker(w, now); err != nil {
			s.removeFailed(sl, err)
			s.abandon(w, err)
		}
	}
	for _, w := range s.draining {
		stuck := w.countStuck(now) > 0
		switch {
		case w.abandoned && !stuck && w.accepting.Load() == 0:
			w.abandoned = false // it came back to its senses, and drains
		case !w.abandoned && stuck:
			s.abandon(w, errStuck)
		}
	}
	for _, sock := range s.sockets {
		sock.refill()
	}
	s.pool.trim()
	s.checkForeignListeners(now)
}

// trouble says what is wrong with a worker that accepts, if anything.
func (s *Supervisor) checkWorker(w *worker, now int64) error {
	for _, l := range w.loops {
		switch beats := l.heartbeats.Load(); {
		case beats != l.lastHeartbeats:
			l.lastHeartbeats, l.silentSince = beats, 0
		case l.silentSince == 0:
			l.silentSince = now
		case now-max(l.silentSince, s.clock.resumedAt.Load()) > int64(s.opts.StallAfter):
			return errStalled
		}
		l.ping()
	}
	if w.countStuck(now) > 0 {
		return errStuck
	}
	return nil
}

// stuck counts the requests that have been in their handler for too long.
func (w *worker) countStuck(now int64) int {
	stuck, before := 0, now-int64(w.sup.opts.StallAfter+clockTick)
	if w.sup.clock.resumedAt.Load() > before {
		return 0 // nobody could get on
	}
	w.conns.each(func(c *conn) {
		if since := c.busy.Load(); since != 0 && since < before {
			stuck++
		}
	})
	return stuck
}

// abandon leaves a generation behind that can't be ended. Too many of them end
// the process: each holds memory for good.
func (s *Supervisor) abandon(w *worker, err error) {
	w.abandoned = true
	count := s.countAbandoned()
	s.observe(Event{
		Kind: WorkerAbandoned, Worker: w.slot.id, Generation: w.generation,
		Err: err, Count: count, Stack: handlerStacks(),
	})
	if count > s.opts.AbandonLimit {
		s.giveUp(errTooManyAbandoned)
	}
}

// abandoned counts the abandoned generations that are still alive.
func (s *Supervisor) countAbandoned() int {
	n := 0
	for _, w := range s.draining {
		if w.abandoned {
			n++
		}
	}
	return n
}

// handlerStacks dumps the goroutines that are in a handler or an accept loop.
func handlerStacks() []byte {
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	var dump []byte
	for stack := range bytes.SplitSeq(all, []byte("\n\n")) {
		if !bytes.Contains(stack, []byte("cluster.(*worker).handle(")) && !bytes.Contains(stack, []byte("cluster.(*acceptLoop)")) {
			continue
		}
		if len(dump)+len(stack) > stackDump {
			break
		}
		dump = append(append(dump, stack...), "\n\n"...)
	}
	return dump
}

// strangersEvery is how often the port is looked at, in nanos.
const foreignCheckInterval = 30e9

// lookForStrangers reports other programs' sockets on our port. They get no
// connections as long as the kernel took the steering program.
func (s *Supervisor) checkForeignListeners(now int64) {
	if now-s.foreignCheckedAt < foreignCheckInterval || s.sockets[0].inherited {
		return
	}
	s.foreignCheckedAt = now
	if n := countForeignListeners(s.sockets); n != s.foreignListeners {
		s.foreignListeners = n
		s.observe(Event{Kind: ForeignListener, Count: n})
	}
}

// steer tells the kernel which sockets are ours.
func (s *Supervisor) attachSteering() {
	if s.sockets[0].inherited {
		return
	}
	if err := s.sockets[0].attachSteering(len(s.sockets)); err != nil {
		s.observe(Event{Kind: SteeringFailed, Err: err})
	}
}
