package socketio

// dispatch calls the handlers of an event.
func (s *Socket) dispatch(e *Event) {
	if s.discardsEvents() {
		return
	}
	shared, local := s.ns.load(), s.loadHandlers()
	for _, f := range shared.anyEvent {
		f(e)
	}
	for _, f := range local.anyEvent {
		f(e)
	}
	if err := runEventMiddlewares(e, shared.eventMiddlewares, s.loadHandlers().eventMiddlewares); err != nil {
		s.runErrorHandlers(err)
		return
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

// runErrorHandlers calls the handlers of OnError.
func (s *Socket) runErrorHandlers(err error) {
	for _, f := range s.ns.load().errors {
		f(s, err)
	}
	for _, f := range s.loadHandlers().errors {
		f(err)
	}
}

// runEventMiddlewares asks the middlewares for events.
func runEventMiddlewares(e *Event, shared, local []func(*Event) error) error {
	for _, f := range shared {
		if err := f(e); err != nil {
			return err
		}
	}
	for _, f := range local {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// discardsEvents reports whether events that came before the end are of no interest
// any more, because the program itself has ended the socket.
func (s *Socket) discardsEvents() bool {
	if s.state.Load() != disconnected {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.discard
}

// dispatchDirect calls the handlers of an event at once, on the goroutine that
// received it, if all of them allow that and nothing is before them.
func (s *Socket) dispatchDirect(e *Event, l *eventHandlers) bool {
	if l == nil || !l.direct {
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

// finishDirect ends direct: what has come meanwhile is for the pump.
func (s *Socket) finishDirect() {
	s.mu.Lock()
	start := len(s.queue.jobs) > 0
	s.queue.running = start
	s.mu.Unlock()
	if start {
		s.startQueue()
	}
}
