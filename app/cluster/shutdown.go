package cluster

import "time"

const (
	// drainTick is how often the shutdown checks whether the last requests
	// have ended, in addition to being woken.
	drainTick = 20 * time.Millisecond
	// closeGrace is how long a peer may take to answer a close frame.
	closeGrace = 2 * time.Second
	// cutGrace is how long goroutines may take to end once their connections
	// are cut off.
	cutGrace = time.Second
)

// StepSocketsClosed is the ShutdownStep after which no request arrives on a
// new connection. Sessions are notified next.
const StepSocketsClosed = "sockets closed"

// shutdown is the shutdown sequence. A ShutdownStep event reports each step.
// Run's goroutine executes it and still answers calls.
func (s *Supervisor) shutdown() {
	s.runStep("drain announced", s.announceDrain)
	s.runStep(StepSocketsClosed, s.closeSockets)

	timeout := make(chan struct{})
	timer := time.AfterFunc(s.opts.Shutdown.Timeout, func() { close(timeout) })
	defer timer.Stop()
	notified := make(chan struct{})
	go func() { // ends by timeout at the latest, and is awaited below
		defer s.wakeUp()
		defer close(notified)
		begin := time.Now()
		n := s.notifySessions(s.opts.Shutdown.Spread, timeout)
		s.observe(ShutdownStep{Step: "websockets notified", Duration: time.Since(begin), Count: n})
	}()
	s.runStep("requests finished", func() int { return s.finishRequests(timeout) })
	s.serveCalls(nil, func() bool { return isClosed(notified) })
	s.runStep("websockets closed", func() int { return s.finishSessions(timeout) })
	s.runStep("goroutines ended", s.finishGoroutines)
}

// runStep executes a step and reports its duration and what it returned.
func (s *Supervisor) runStep(name string, step func() int) {
	begin := time.Now()
	n := step()
	s.emit(ShutdownStep{Step: name, Duration: time.Since(begin), Count: n})
	s.deliver()
}

// announceDrain makes every response carry Connection: close, and goes on
// serving for Shutdown.Delay.
func (s *Supervisor) announceDrain() int {
	for _, w := range s.allWorkers() {
		w.draining.Store(true)
	}
	s.shuttingDown.Store(true) // last: once it is set, every response is marked
	s.superviseFor(s.opts.Shutdown.Delay)
	return 0
}

// closeSockets drops new handshakes, lets those in flight complete, empties
// the accept queues and closes the sockets. It returns how many connections it
// found in the queues at the end.
func (s *Supervisor) closeSockets() int {
	own := s.sockets
	if s.sockets[0].inherited {
		own = nil // the next process takes over their queues
	}
	for _, sock := range own {
		_ = sock.dropSYNs() // if the kernel refuses, the queue is still emptied
	}
	if len(own) > 0 {
		s.superviseFor(s.opts.Shutdown.HandshakeGrace)
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
	s.serveCallsFor(cutGrace, func() bool { return s.countAcceptLoops() == 0 })
	found := 0
	s.serveCallsDuring(func() {
		for _, sock := range own {
			found += sock.drainQueue(last)
		}
	})
	closeSockets(s.sockets)
	s.running.Store(0)
	return found
}

// superviseFor keeps the workers alive for a while longer.
func (s *Supervisor) superviseFor(d time.Duration) {
	if d <= 0 {
		return
	}
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	s.supervise(over)
	s.serveCalls(over, func() bool { return false }) // supervise returns early after giving up
}

// serveCalls answers calls until done returns true or timeout is closed. It
// reports whether done returned true.
func (s *Supervisor) serveCalls(timeout <-chan struct{}, done func() bool) bool {
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for !done() {
		s.deliver()
		select {
		case call := <-s.calls:
			call()
		case <-s.wake:
		case <-tick.C:
		case <-timeout:
			return done()
		}
	}
	return true
}

// serveCallsFor is serveCalls with a timeout of d.
func (s *Supervisor) serveCallsFor(d time.Duration, done func() bool) {
	over := make(chan struct{})
	timer := time.AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	s.serveCalls(over, done)
}

// finishRequests waits for the last requests, except those known to be stuck,
// and closes the connections without one. While requests arrive on kept-alive
// connections, the idle ones stay open: their clients may just be slower. It
// returns how many connections it had to cut off.
func (s *Supervisor) finishRequests(timeout <-chan struct{}) int {
	quietSince, arrived := nanos(), uint64(0)
	s.serveCalls(timeout, func() bool {
		s.removeDrained()
		now, unfinished := s.clock.refresh(), false
		before := arrived
		arrived = 0
		for _, w := range s.draining {
			_, _, requests := w.conns.count()
			arrived += requests
		}
		if arrived != before {
			quietSince = now
		}
		for _, w := range s.draining {
			w.wakeIdle(quietSince, now-int64(s.opts.Shutdown.IdleGrace))
			unfinished = unfinished || w.accepting.Load() > 0 || w.conns.len() > w.countStuck(now)
		}
		return !unfinished
	})
	cut := 0
	for _, w := range s.draining {
		cut += w.conns.cutAll()
	}
	return cut
}

// wakeIdle closes the connections that have been idle since before limit.
// Those that were idle at quietSince count from there.
func (w *worker) wakeIdle(quietSince, limit int64) {
	w.conns.each(func(c *conn) {
		if since := c.idleSince.Load(); since != 0 && max(since, quietSince) < limit {
			c.wakeReader()
		}
	})
}

// finishSessions waits for the notified sessions to end. It returns how many
// it had to cut off.
func (s *Supervisor) finishSessions(timeout <-chan struct{}) int {
	begin := time.Now()
	s.serveCalls(timeout, func() bool {
		return s.sessions.len() == 0 || time.Since(begin) > closeGrace
	})
	return s.sessions.cutAll()
}

// finishGoroutines waits for the remaining goroutines, for cutGrace at most.
// It returns how many connections are still open then.
func (s *Supervisor) finishGoroutines() int {
	ended := make(chan struct{})
	go func() { // outlives Run if a handler never returns
		s.pool.close()
		s.streams.Wait()
		close(ended)
		s.wakeUp()
	}()
	s.serveCallsFor(cutGrace, func() bool {
		return isClosed(ended) && s.sessions.len() == 0 // fasthttp runs the handlers of sessions
	})
	s.removeDrained()
	return int(s.limiter.open.Load())
}

// countAcceptLoops counts the accept loops of draining workers that have not
// ended.
func (s *Supervisor) countAcceptLoops() int {
	n := 0
	for _, w := range s.draining {
		n += int(w.accepting.Load())
	}
	return n
}

// allWorkers returns the workers of the slots and the draining generations.
func (s *Supervisor) allWorkers() []*worker {
	all := append([]*worker(nil), s.draining...)
	for _, sl := range s.slots {
		if sl.worker != nil {
			all = append(all, sl.worker)
		}
	}
	return all
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
