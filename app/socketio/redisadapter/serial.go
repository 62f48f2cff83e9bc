package redisadapter

import "sync"

// serial runs functions one after the other, on a goroutine that it has only
// while there are any.
type serial struct {
	limit int // that may wait

	mu      sync.Mutex
	waiting []func()
	busy    bool
	closed  bool
	wg      sync.WaitGroup
}

// do has f run after those before it, and does not wait. It reports false if
// too many wait, or after close.
func (s *serial) do(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) >= s.limit {
		return false
	}
	s.waiting = append(s.waiting, f)
	if !s.busy {
		s.busy = true
		s.wg.Go(s.work)
	}
	return true
}

// work runs what waits. A function may end the goroutine: then another goes on.
func (s *serial) work() {
	finished := false
	defer func() {
		if !finished {
			s.wg.Go(s.work)
		}
	}()
	for f := s.next(); f != nil; f = s.next() {
		f()
	}
	finished = true
}

func (s *serial) next() func() {
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

// close drops what waits, and waits for what runs.
func (s *serial) close() {
	s.mu.Lock()
	s.closed, s.waiting = true, nil
	s.mu.Unlock()
	s.wg.Wait()
}
