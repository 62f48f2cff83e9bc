package socketio

import "time"

// pump works off, in order and one at a time, what is to be done for a socket.
// It has a goroutine of the loop's only while there is something. It is
// guarded by the socket's mutex.
type pump struct {
	running bool
	queue   []job
	next    int           // the first of the queue that is not yet begun
	count   int           // events that wait or are being handled
	size    int           // their bytes
	room    chan struct{} // closed once there is room again; nil if nobody waits
	drop    bool          // events are dropped: this side has disconnected
}

// job is an event or something else to do.
type job struct {
	event *Event
	run   func()
	last  bool // the end's handlers, which are called whatever happens
}

func (j *job) size() int {
	if j.event == nil {
		return 0
	}
	n := len(j.event.Args.list)
	for _, b := range j.event.Args.attachments {
		n += len(b)
	}
	return n
}

// release lets a receiver that waits for room go on.
func (p *pump) release() {
	if p.room != nil {
		close(p.room)
		p.room = nil
	}
}

// enqueue has j done after all that waits, and does not wait itself.
func (s *Socket) enqueue(j job) {
	s.mu.Lock()
	s.pump.queue = append(s.pump.queue, j)
	if j.event != nil {
		s.pump.count++
		s.pump.size += j.size()
	}
	start := !s.pump.running
	s.pump.running = true
	s.mu.Unlock()
	if start {
		s.start()
	}
}

// start has the queue worked off. Whoever calls it has set running.
func (s *Socket) start() {
	s.client.pumps.Add(1)
	if !s.client.session.Loop().Go(s.work) {
		s.work() // the loop has ended: only the last jobs are left
	}
}

// receive queues an event, and waits as long as too many wait already. It
// reports false if there are too many to wait for, because the handler itself
// waits for something that may stand behind them, or if that takes too long.
func (s *Socket) receive(e *Event) bool {
	o := &s.client.server.options
	s.mu.Lock()
	for s.state.Load() == connected && s.pump.full(o.MaxQueued, o.MaxQueuedBytes) {
		if s.waiting > 0 {
			if s.pump.full(16*o.MaxQueued, 16*o.MaxQueuedBytes) {
				s.mu.Unlock()
				return false
			}
			break
		}
		if s.pump.room == nil {
			s.pump.room = make(chan struct{})
		}
		room := s.pump.room
		s.mu.Unlock()
		if !waitFor(room, o.HoldTimeout) {
			return false
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
	s.enqueue(job{event: e})
	return true
}

func waitFor(room <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-room:
		return true
	case <-timer.C:
		return false
	}
}

func (p *pump) full(count, bytes int) bool {
	return p.count >= count || p.size >= bytes
}

// work does the jobs until none is left.
func (s *Socket) work() {
	s.client.server.options.Guard(s.workOff, s.failed)
}

func (s *Socket) workOff() {
	for {
		s.mu.Lock()
		j, ok := s.pump.take()
		s.mu.Unlock()
		if !ok {
			s.client.pumps.Add(-1)
			return
		}
		s.do(&j)
	}
}

// take returns the next job. Without one the pump has ended, and keeps no
// memory.
func (p *pump) take() (job, bool) {
	if p.next == len(p.queue) {
		p.queue, p.next, p.running = nil, 0, false
		return job{}, false
	}
	j := p.queue[p.next]
	p.queue[p.next] = job{}
	p.next++
	if p.next == len(p.queue) {
		p.queue, p.next = p.queue[:0], 0
	}
	return j, true
}

func (s *Socket) do(j *job) {
	if j.event == nil {
		j.run()
		return
	}
	s.dispatch(j.event)
	s.mu.Lock()
	s.pump.count--
	s.pump.size -= j.size()
	o := &s.client.server.options
	if s.pump.room != nil && !s.pump.full(o.MaxQueued/2+1, o.MaxQueuedBytes/2+1) {
		s.pump.release()
	}
	s.mu.Unlock()
}

// failed is called after a handler has panicked: the client ends, and of what
// waits nothing is done but the handlers of that end.
func (s *Socket) failed() {
	s.mu.Lock()
	s.pump.release()
	var last []job
	for _, j := range s.pump.queue[s.pump.next:] {
		if j.last {
			last = append(last, j)
		}
	}
	s.pump = pump{running: len(last) > 0, queue: last, drop: true}
	s.mu.Unlock()
	s.client.pumps.Add(-1)
	s.client.crash()
	if len(last) > 0 {
		s.start()
	}
}

// dispatch calls the handlers of an event.
func (s *Socket) dispatch(e *Event) {
	if s.dropping() {
		return
	}
	shared, own := s.ns.load(), s.owned()
	for _, f := range shared.anyEvent {
		f(e)
	}
	for _, f := range own.anyEvent {
		f(e)
	}
	if err := admit(e, shared.admitting, s.owned().admitting); err != nil {
		for _, f := range shared.failed {
			f(s, err)
		}
		for _, f := range s.owned().failed {
			f(err)
		}
		return
	}
	if l := shared.events[e.Name]; l != nil {
		for _, f := range l.handlers {
			f(e)
		}
	}
	for _, f := range s.handlersOf(e.Name) {
		f(e)
	}
}

// admit asks the middlewares for events.
func admit(e *Event, shared, own []func(*Event) error) error {
	for _, f := range shared {
		if err := f(e); err != nil {
			return err
		}
	}
	for _, f := range own {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// dropping reports whether events that came before the end are of no interest
// any more, because the program itself has ended the socket.
func (s *Socket) dropping() bool {
	if s.state.Load() != disconnected {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pump.drop
}

// direct calls the handlers of an event at once, on the goroutine that
// received it, if all of them allow that and nothing is before them.
func (s *Socket) direct(e *Event, l *listener) bool {
	if l == nil || !l.direct {
		return false
	}
	if shared := s.ns.load(); len(shared.anyEvent) > 0 || len(shared.admitting) > 0 {
		return false
	}
	if own := s.owned(); len(own.events)+len(own.anyEvent)+len(own.admitting) > 0 {
		return false
	}
	s.mu.Lock()
	if s.pump.running {
		s.mu.Unlock()
		return false
	}
	s.pump.running = true
	s.mu.Unlock()
	defer s.handOver()
	for _, f := range l.handlers {
		f(e)
	}
	return true
}

// handOver ends direct: what has come meanwhile is for the pump.
func (s *Socket) handOver() {
	s.mu.Lock()
	start := len(s.pump.queue) > 0
	s.pump.running = start
	s.mu.Unlock()
	if start {
		s.start()
	}
}
