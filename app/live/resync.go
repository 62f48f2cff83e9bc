package live

import (
	"context"
	"time"
)

// markStale schedules a resync of a room whose members may have missed something.
// It never blocks.
func (s *Server) markStale(name string) {
	s.staleMu.Lock()
	s.stale[name] = true
	s.staleMu.Unlock()
	select {
	case s.staleCh <- struct{}{}:
	default:
	}
}

// runResync resyncs stale rooms until ctx ends. Gaps come in bursts, so it waits
// for Options.Interval first.
func (s *Server) runResync(ctx context.Context) {
	wait := func(d time.Duration) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(d):
			return true
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.staleCh:
		}
		if !wait(s.options.Interval) {
			return
		}
		s.staleMu.Lock()
		rooms := s.stale
		s.stale = map[string]bool{}
		s.staleMu.Unlock()
		for name := range rooms {
			if ctx.Err() == nil {
				s.guard(func() { s.resync(ctx, name) })
			}
		}
		if !wait(s.options.ResyncInterval) {
			return
		}
	}
}

// resync loads a room from the store again and sends its members a new snapshot.
// If the store fails, the room stays stale.
func (s *Server) resync(ctx context.Context, name string) {
	s.roomsMu.Lock()
	state := s.rooms[name]
	s.roomsMu.Unlock()
	if state == nil || !s.hub.Has(name) {
		return
	}
	if state.room.kind != roomAlarms {
		if err := s.loadLatest(ctx, state.room); err != nil {
			s.markStale(name)
			return
		}
	}
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	if s.closed {
		return
	}
	s.flushLocked()
	s.hub.Emit(name, eventSnapshot, s.encodeSnapshot(state.room), false)
	s.epoch++
	s.counters.resyncs.Add(1)
}
