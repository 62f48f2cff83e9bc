package cluster

import (
	"sync"
	"time"
)

const (
	// drainTick is how often the end of the last requests is looked for,
	// beside being told.
	drainTick = 20 * time.Millisecond
	// closeGrace is how long a peer may take to answer a close frame.
	closeGrace = 2 * time.Second
	// cutGrace is how long goroutines may take to end after they were cut off.
	cutGrace = time.Second
)

// StepSocketsClosed is the Reason of the ShutdownStep after which no request
// comes any more and sessions are told to go.
const StepSocketsClosed = "sockets closed"

// shutdown ends everything in order; each step is reported with its time. It
// runs in the goroutine of Run and goes on answering calls.
func (s *Supervisor) shutdown() {
	s.runStep("drain announced", s.announceDrain)
	s.runStep(StepSocketsClosed, s.closeSockets)

	timeout := make(chan struct{})
	timer := time.AfterFunc(s.opts.ShutdownTimeout, func() { close(timeout) })
	defer timer.Stop()
	var away sync.WaitGroup
	away.Go(func() {
		s.runStep("websockets told", func() int { return s.notifySessions(s.opts.ShutdownSpread, timeout) })
	})
	s.runStep("requests finished", func() int { return s.finishRequests(timeout) })
	away.Wait()
	s.runStep("websockets closed", func() int { return s.finishSessions(timeout) })
	s.runStep("goroutines ended", s.finishGoroutines)
}

// report does a step and says how long it took and what it counted.
func (s *Supervisor) runStep(step string, do func() int) {
	begin := time.Now()
	n := do()
	s.observe(Event{Kind: ShutdownStep, Reason: step, Delay: time.Since(begin), Count: n})
}

// announceDrain marks every response, and serves on for ShutdownDelay.
func (s *Supervisor) announceDrain() int {
	for _, w := range s.allWorkers() {
		w.draining.Store(true)
	}
	s.shuttingDown.Store(true) // last: whoever sees it finds every response marked
	s.superviseFor(s.opts.ShutdownDelay)
	return 0
}

// closeSockets drops new handshakes, lets those in flight complete, empties
// the queues and closes the sockets. It returns how many connections it found
// in the queues at the end.
func (s *Supervisor) closeSockets() int {
	ours := s.sockets
	if s.sockets[0].inherited {
		ours = nil // the next process finds its queue as it is
	}
	for _, sock := range ours {
		_ = sock.dropSYNs() // where the kernel refuses it, the queue is emptied all the same
	}
	if len(ours) > 0 {
		s.superviseFor(s.opts.GateDelay)
	}
	last := s.newWorker(s.slots[0])
	last.draining.Store(true)
	s.drain(last)
	for _, sl := range s.slots {
		if sl.worker != nil {
			s.drain(sl.worker)
			sl.worker = nil
		}
	}
	s.serveCallsFor(cutGrace, func() bool { return s.countAcceptLoops() == 0 }) // one that hangs has what it took
	found := 0
	for _, sock := range ours {
		found += sock.drainQueue(last)
	}
	closeSockets(s.sockets)
	s.running.Store(0)
	return found
}

// superviseFor goes on for a while as if nothing had happened.
func (s *Supervisor) superviseFor(d time.Duration) {
	if d <= 0 {
		return
	}
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	s.supervise(over)
	s.serveCalls(over, func() bool { return false }) // after giving up there is nothing to supervise
}

// serveCalls waits until done holds or giveUp is closed, and answers calls
// meanwhile. It reports whether done held.
func (s *Supervisor) serveCalls(giveUp <-chan struct{}, done func() bool) bool {
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for !done() {
		select {
		case f := <-s.calls:
			f()
		case <-s.wake:
		case <-tick.C:
		case <-giveUp:
			return done()
		}
	}
	return true
}

// waitFor is serveCalls for a time at most.
func (s *Supervisor) serveCallsFor(d time.Duration, done func() bool) {
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	s.serveCalls(over, done)
}

// finishRequests waits for the last requests and ends the connections that
// have none. It does not wait for requests that are known to be stuck. It
// returns how many connections it had to cut.
func (s *Supervisor) finishRequests(timeout <-chan struct{}) int {
	begin := nanos()
	s.serveCalls(timeout, func() bool {
		s.removeDrained()
		now, hopeful := s.clock.refresh(), false
		for _, w := range s.draining {
			w.wakeIdle(begin, now-int64(s.opts.IdleGrace))
			hopeful = hopeful || w.accepting.Load() > 0 || w.conns.len() > w.countStuck(now)
		}
		return !hopeful
	})
	cut := 0
	for _, w := range s.draining {
		w.conns.each(func(c *conn) {
			c.cut()
			cut++
		})
	}
	return cut
}

// nudgeIdle ends the connections that have waited for a request since before
// a moment, those that were idle at begin counting from there.
func (w *worker) wakeIdle(begin, before int64) {
	w.conns.each(func(c *conn) {
		if since := c.idleSince.Load(); since != 0 && max(since, begin) < before {
			c.wakeReader()
		}
	})
}

// finishSessions waits for the sessions that were told to go. It returns how
// many it had to cut.
func (s *Supervisor) finishSessions(timeout <-chan struct{}) int {
	begin := time.Now()
	over := func() bool { return s.sessions.len() == 0 || time.Since(begin) > closeGrace }
	s.serveCalls(timeout, over)
	cut := 0
	s.sessions.each(func(c *conn) {
		c.cut()
		cut++
	})
	return cut
}

// finishGoroutines waits for what is left to end, for cutGrace at most; it
// returns how many connections are still open then.
func (s *Supervisor) finishGoroutines() int {
	ended := make(chan struct{})
	go func() { // a goroutine that is stuck for good keeps this one, too
		s.pool.close()
		s.streams.Wait()
		close(ended)
		s.wakeUp()
	}()
	s.serveCallsFor(cutGrace, func() bool {
		select {
		case <-ended:
			return s.sessions.len() == 0 // theirs are fasthttp's goroutines
		default:
			return false
		}
	})
	s.removeDrained()
	return int(s.conns.Load())
}

// accepting counts the accept loops that have not ended.
func (s *Supervisor) countAcceptLoops() int {
	n := 0
	for _, w := range s.draining {
		n += int(w.accepting.Load())
	}
	return n
}

// allWorkers lists the workers of the slots and the leftover generations.
func (s *Supervisor) allWorkers() []*worker {
	all := append([]*worker(nil), s.draining...)
	for _, sl := range s.slots {
		if sl.worker != nil {
			all = append(all, sl.worker)
		}
	}
	return all
}
