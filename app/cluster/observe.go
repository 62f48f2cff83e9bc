package cluster

// observe calls Options.Observe. A panic in it is dropped: observe may be
// called while a panic is being contained. Run's goroutine must not call it,
// because Observe may make calls that wait for that goroutine; it uses emit.
func (s *Supervisor) observe(e Event) {
	defer func() { _ = recover() }()
	s.opts.Observe(e)
}

// emit queues an event. Only Run's goroutine calls it, or Listen before Run.
func (s *Supervisor) emit(e Event) { s.pending = append(s.pending, e) }

// deliver passes the queued events to Options.Observe, in order, and returns
// when it has. Run's goroutine calls it between two steps, when its state is
// consistent, and answers calls meanwhile. Events that those calls emit wait
// for the next deliver, so that Observe can't keep Run from its work.
func (s *Supervisor) deliver() {
	if len(s.pending) == 0 {
		return
	}
	events := s.pending
	s.pending = nil
	s.serveCallsDuring(func() {
		for _, e := range events {
			s.observe(e)
		}
	})
}

// serveCallsDuring runs f in a goroutine of its own and answers calls until f
// has returned.
func (s *Supervisor) serveCallsDuring(f func()) {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		f()
	}()
	for {
		select {
		case call := <-s.calls:
			call()
			s.wakeUp() // the call may have left work for the next step
		case <-returned:
			return
		}
	}
}
