package redisadapter

import (
	"errors"
	"sync"
	"time"
)

var errHandlerRunning = errors.New("a handler of a server-side event does not return")

// serial runs functions one after the other, on a goroutine that it has only
// while there are any.
type eventQueue struct {
	limit int // that may wait

	mu      sync.Mutex
	waiting []func()
	busy    bool
	closed  bool
	wg      sync.WaitGroup
}

// do has f run after those before it, and does not wait. It reports false if
// too many wait, or after close.
func (s *eventQueue) enqueue(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) >= s.limit {
		return false
	}
	s.waiting = append(s.waiting, f)
	if !s.busy {
		s.busy = true
		s.wg.Go(s.run)
	}
	return true
}

// work runs what waits. A function may end the goroutine: then another goes on.
func (s *eventQueue) run() {
	finished := false
	defer func() {
		if !finished {
			s.wg.Go(s.run)
		}
	}()
	for f := s.dequeue(); f != nil; f = s.dequeue() {
		f()
	}
	finished = true
}

func (s *eventQueue) dequeue() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.waiting, s.busy = nil, false
		return nil
	}
	f := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	return f
}

// close drops what waits, and waits for what runs, but not longer than grace.
func (s *eventQueue) close(grace time.Duration) error {
	s.mu.Lock()
	s.closed, s.waiting = true, nil
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { // ends with what runs
		s.wg.Wait()
		close(ended)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return errHandlerRunning
	}
}
