package socketio

import "time"

// eventQueue works off, in order and one at a time, what is to be done for a socket.
// It has a goroutine of the loop's only while there is something. It is
// guarded by the socket's mutex.
type eventQueue struct {
	running bool
	jobs    []job
	next    int           // the first of the queue that is not yet begun
	events  int           // events that wait or are being handled
	bytes   int           // their bytes
	space   chan struct{} // closed once there is room again; nil if nobody waits
	discard bool          // events are dropped: this side has disconnected
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

// signalSpace lets a receiver that waits for room go on.
func (p *eventQueue) signalSpace() {
	if p.space != nil {
		close(p.space)
		p.space = nil
	}
}

// enqueue has j done after all that waits, and does not wait itself.
func (s *Socket) enqueue(j job) {
	s.mu.Lock()
	s.queue.jobs = append(s.queue.jobs, j)
	if j.event != nil {
		s.queue.events++
		s.queue.bytes += j.size()
	}
	start := !s.queue.running
	s.queue.running = true
	s.mu.Unlock()
	if start {
		s.startQueue()
	}
}

// startQueue has the queue worked off. Whoever calls it has set running.
func (s *Socket) startQueue() {
	s.client.runningQueues.Add(1)
	if !s.client.session.Loop().Go(s.runQueue) {
		s.runQueue() // the loop has ended: only the last jobs are left
	}
}

// enqueueEvent queues an event, and waits as long as too many wait already. It
// reports false if there are too many to wait for, because the handler itself
// waits for something that may stand behind them, or if that takes too long.
func (s *Socket) enqueueEvent(e *Event) bool {
	o := &s.client.server.options
	s.mu.Lock()
	for s.state.Load() == connected && s.queue.full(o.MaxQueued, o.MaxQueuedBytes) {
		if s.ackWaiters > 0 {
			if s.queue.full(16*o.MaxQueued, 16*o.MaxQueuedBytes) {
				s.mu.Unlock()
				return false
			}
			break
		}
		if s.queue.space == nil {
			s.queue.space = make(chan struct{})
		}
		room := s.queue.space
		s.mu.Unlock()
		if !waitWithin(room, o.BackpressureTimeout) {
			return false
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
	s.enqueue(job{event: e})
	return true
}

func waitWithin(room <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-room:
		return true
	case <-timer.C:
		return false
	}
}

func (p *eventQueue) full(count, bytes int) bool {
	return p.events >= count || p.bytes >= bytes
}

// runQueue does the jobs until none is left.
func (s *Socket) runQueue() {
	s.client.server.options.Guard(s.runJobs, s.abortQueue)
}

func (s *Socket) runJobs() {
	for {
		s.mu.Lock()
		j, ok := s.queue.pop()
		s.mu.Unlock()
		if !ok {
			s.client.runningQueues.Add(-1)
			return
		}
		s.runJob(&j)
	}
}

// pop returns the next job. Without one the pump has ended, and keeps no
// memory.
func (p *eventQueue) pop() (job, bool) {
	if p.next == len(p.jobs) {
		p.jobs, p.next, p.running = nil, 0, false
		return job{}, false
	}
	j := p.jobs[p.next]
	p.jobs[p.next] = job{}
	p.next++
	if p.next == len(p.jobs) {
		p.jobs, p.next = p.jobs[:0], 0
	}
	return j, true
}

func (s *Socket) runJob(j *job) {
	if j.event == nil {
		j.run()
		return
	}
	s.dispatch(j.event)
	s.mu.Lock()
	s.queue.events--
	s.queue.bytes -= j.size()
	o := &s.client.server.options
	if s.queue.space != nil && !s.queue.full(o.MaxQueued/2+1, o.MaxQueuedBytes/2+1) {
		s.queue.signalSpace()
	}
	s.mu.Unlock()
}

// abortQueue is called after a handler has panicked: the client ends, and of what
// waits nothing is done but the handlers of that end.
func (s *Socket) abortQueue() {
	s.mu.Lock()
	s.queue.signalSpace()
	var last []job
	for _, j := range s.queue.jobs[s.queue.next:] {
		if j.last {
			last = append(last, j)
		}
	}
	s.queue = eventQueue{running: len(last) > 0, jobs: last, discard: true}
	s.mu.Unlock()
	s.client.runningQueues.Add(-1)
	s.client.closeAfterPanic()
	if len(last) > 0 {
		s.startQueue()
	}
}
