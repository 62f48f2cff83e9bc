package socketio

import (
	"slices"
	"time"
)

// eventQueue runs the jobs of a socket in order, one at a time. It uses a
// goroutine of the event loop while it has jobs, and none otherwise. It is
// guarded by the mutex of the socket.
type eventQueue struct {
	running bool
	jobs    []job
	next    int           // index of the next job
	events  int           // events that are queued or running
	bytes   int           // size of these events
	charged int           // what the jobs are charged to the account of the session
	space   chan struct{} // closed when the queue has space again; nil if no receiver waits
	discard bool          // events are discarded: the program has disconnected the socket
}

// job is an event or another task of the queue.
type job struct {
	event *Event
	run   func()
	last  bool // runs the disconnect handlers, even after a panic
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

// jobCost is what a job holds besides the data of its event.
const jobCost = 320

func (j *job) cost() int { return jobCost + j.size() }

// chargeLocked charges n bytes of jobs to the session.
func (s *Socket) chargeLocked(n int) {
	s.queue.charged += n
	s.client.session.Account().Charge(n)
}

// signalSpace resumes a paused receiver.
func (q *eventQueue) signalSpace() {
	if q.space != nil {
		close(q.space)
		q.space = nil
	}
}

// enqueue appends a job. It does not block.
func (s *Socket) enqueue(j job) {
	s.mu.Lock()
	s.queue.jobs = append(s.queue.jobs, j)
	s.chargeLocked(j.cost())
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

// startQueue runs the queue on a goroutine. The caller has set running.
func (s *Socket) startQueue() {
	s.client.runningQueues.Add(1)
	if !s.client.session.Loop().Go(s.runQueue) {
		s.runQueue() // the loop has ended: only disconnect handlers are left
	}
}

// enqueueEvent appends an event. It blocks while the queue is full. It reports
// false if the wait exceeds BackpressureTimeout, and if the queue has reached
// its larger bound while a handler waits for an acknowledgement.
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
		space := s.queue.space
		s.mu.Unlock()
		if !waitWithin(space, o.BackpressureTimeout) {
			return false
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
	s.enqueue(job{event: e})
	return true
}

// waitWithin reports whether done is closed within d.
func waitWithin(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

func (q *eventQueue) full(count, bytes int) bool {
	return q.events >= count || q.bytes >= bytes
}

// runQueue runs jobs until the queue is empty. A panic aborts the queue.
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

// pop returns the next job. When there is none, the queue stops and releases
// its memory.
func (q *eventQueue) pop() (job, bool) {
	if q.next == len(q.jobs) {
		q.jobs, q.next, q.running = nil, 0, false
		return job{}, false
	}
	j := q.jobs[q.next]
	q.jobs[q.next] = job{}
	q.next++
	if q.next == len(q.jobs) {
		q.jobs, q.next = q.jobs[:0], 0
	}
	return j, true
}

func (s *Socket) runJob(j *job) {
	if j.event == nil {
		j.run()
		s.mu.Lock()
		s.chargeLocked(-j.cost())
		s.mu.Unlock()
		return
	}
	s.dispatch(j.event)
	s.mu.Lock()
	s.chargeLocked(-j.cost())
	s.queue.events--
	s.queue.bytes -= j.size()
	o := &s.client.server.options
	if s.queue.space != nil && !s.queue.full(o.MaxQueued/2+1, o.MaxQueuedBytes/2+1) {
		s.queue.signalSpace()
	}
	s.mu.Unlock()
}

// abortQueue is called after a handler has panicked. It closes the client and
// discards all jobs but the disconnect handlers.
func (s *Socket) abortQueue() {
	s.mu.Lock()
	s.queue.signalSpace()
	last := slices.DeleteFunc(s.queue.jobs[s.queue.next:], func(j job) bool { return !j.last })
	s.chargeLocked(len(last)*jobCost - s.queue.charged)
	s.queue = eventQueue{running: len(last) > 0, jobs: last, discard: true, charged: s.queue.charged}
	s.mu.Unlock()
	s.client.runningQueues.Add(-1)
	s.client.closeAfterPanic()
	if len(last) > 0 {
		s.startQueue()
	}
}
