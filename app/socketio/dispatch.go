package socketio

// dispatch runs the handlers of an event.
func (s *Socket) dispatch(e *Event) {
	if s.discardsEvents() {
		return
	}
	shared, local := s.ns.load(), s.loadHandlers()
	for _, list := range [...][]Handler{shared.anyEvent, local.anyEvent} {
		for _, f := range list {
			f(e)
		}
	}
	for _, list := range [...][]func(*Event) error{shared.eventMiddlewares, s.loadHandlers().eventMiddlewares} {
		for _, f := range list {
			if err := f(e); err != nil {
				s.runErrorHandlers(err)
				return
			}
		}
	}
	if l := shared.events[e.Name]; l != nil {
		for _, f := range l.handlers {
			f(e)
		}
	}
	for _, f := range s.takeEventHandlers(e.Name) {
		f(e)
	}
}

// runErrorHandlers runs the OnError handlers.
func (s *Socket) runErrorHandlers(err error) {
	for _, f := range s.ns.load().errors {
		f(s, err)
	}
	for _, f := range s.loadHandlers().errors {
		f(err)
	}
}

// discardsEvents reports whether the program has disconnected the socket, so
// that events still queued are discarded.
func (s *Socket) discardsEvents() bool {
	if s.state.Load() != disconnected {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.discard
}

// dispatchDirect runs the handlers of an event on the receiving goroutine. It
// reports false if a handler does not allow that, or if other jobs are queued.
func (s *Socket) dispatchDirect(e *Event, l *eventHandlers) bool {
	if !l.direct {
		return false
	}
	if shared := s.ns.load(); len(shared.anyEvent) > 0 || len(shared.eventMiddlewares) > 0 {
		return false
	}
	if local := s.loadHandlers(); len(local.events)+len(local.anyEvent)+len(local.eventMiddlewares) > 0 {
		return false
	}
	s.mu.Lock()
	if s.queue.running {
		s.mu.Unlock()
		return false
	}
	s.queue.running = true
	s.mu.Unlock()
	defer s.finishDirect()
	for _, f := range l.handlers {
		f(e)
	}
	return true
}

// finishDirect starts the queue if jobs have been added during dispatchDirect.
func (s *Socket) finishDirect() {
	s.mu.Lock()
	start := len(s.queue.jobs) > 0
	s.queue.running = start
	s.mu.Unlock()
	if start {
		s.startQueue()
	}
}
