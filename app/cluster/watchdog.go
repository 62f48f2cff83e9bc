package cluster

import (
	"bytes"
	"runtime"
)

// maxStackDump bounds the stacks that a WorkerAbandoned event holds.
const maxStackDump = 64 << 10

// runWatchdog looks for accept loops that do not respond and for stuck
// requests. It also does periodic housekeeping.
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
			w.abandoned = false // it has recovered, and drains
		case !w.abandoned && stuck:
			s.abandon(w, errStuck)
		}
	}
	for _, sock := range s.sockets {
		sock.refill()
	}
	s.pool.trim()
	if now-s.foreignCheckedAt >= foreignCheckInterval {
		s.checkForeignListeners(now)
	}
}

// checkWorker returns errStalled or errStuck if a worker that accepts
// connections is stalled or has a stuck request.
func (s *Supervisor) checkWorker(w *worker, now int64) error {
	for _, l := range w.loops {
		switch heartbeats := l.heartbeats.Load(); {
		case heartbeats != l.lastHeartbeats:
			l.lastHeartbeats, l.silentSince = heartbeats, 0
		case l.silentSince == 0:
			l.silentSince = now
		case now-max(l.silentSince, s.clock.resumedAt.Load()) > int64(s.opts.Watchdog.StallAfter):
			return errStalled
		}
		l.ping()
	}
	if w.countStuck(now) > 0 {
		return errStuck
	}
	return nil
}

// countStuck counts the requests whose handler has made no progress for longer
// than StallAfter.
func (w *worker) countStuck(now int64) int {
	stuck, limit := 0, now-int64(w.sup.opts.Watchdog.StallAfter+clockTick)
	if w.sup.clock.resumedAt.Load() > limit {
		return 0 // the process was suspended for a part of that time
	}
	w.conns.each(func(c *conn) {
		if since := c.busy.Load(); since != 0 && since < limit {
			stuck++
		}
	})
	return stuck
}

// abandon stops waiting for a generation that can't be ended. Each abandoned
// generation holds its memory, so too many of them end the process.
func (s *Supervisor) abandon(w *worker, err error) {
	w.abandoned = true
	abandoned := s.countAbandoned()
	s.emit(WorkerAbandoned{
		Worker: w.slot.id, Generation: w.generation,
		Abandoned: abandoned, Err: err, Stacks: handlerStacks(),
	})
	if abandoned > s.opts.Watchdog.MaxAbandoned {
		s.giveUp(errTooManyAbandoned)
	}
}

// countAbandoned counts the abandoned generations that are still alive.
func (s *Supervisor) countAbandoned() int {
	n := 0
	for _, w := range s.draining {
		if w.abandoned {
			n++
		}
	}
	return n
}

// handlerStacks returns the stacks of the goroutines that are in a handler or
// an accept loop.
func handlerStacks() []byte {
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	var dump []byte
	for stack := range bytes.SplitSeq(all, []byte("\n\n")) {
		if !bytes.Contains(stack, []byte("cluster.(*worker).handle(")) && !bytes.Contains(stack, []byte("cluster.(*acceptLoop)")) {
			continue
		}
		if len(dump)+len(stack) > maxStackDump {
			break
		}
		dump = append(append(dump, stack...), "\n\n"...)
	}
	return dump
}
