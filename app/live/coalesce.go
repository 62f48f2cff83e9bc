package live

import (
	"context"
	"time"

	"smart-factory-backend/app/factory"
)

// ReadingsStored sends the latest of readings that were just committed to the
// subscribers, at the next flush. rejected are those that the store refused, in
// ascending order. It does not block and retains neither slice.
func (s *Server) ReadingsStored(readings []factory.Reading, rejected []factory.Rejection) {
	if s.cache.applyCommitted(readings, rejected) {
		s.wake()
	}
}

// wake makes the flush loop run soon. It never blocks.
func (s *Server) wake() {
	select {
	case s.wakeCh <- struct{}{}:
	default:
	}
}

// runFlush flushes after each change, but at most once per Options.Interval, until
// ctx ends. The first change after a quiet interval is flushed at once. The loop
// also reaps ended sessions.
func (s *Server) runFlush(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	armed := false
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakeCh:
			s.guard(s.reap)
			if armed || !s.cache.pending() {
				continue
			}
			if wait := s.options.Interval - time.Since(last); wait > 0 {
				timer.Reset(wait)
				armed = true
				continue
			}
		case <-timer.C:
			armed = false
		}
		last = time.Now()
		s.guard(s.flush)
	}
}

func (s *Server) flush() {
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	s.flushLocked()
}

// flushLocked sends what has changed to the members of this process and to other
// processes.
func (s *Server) flushLocked() {
	local, remote := s.cache.flush(s.hub.Has)
	s.epoch++
	if s.closed {
		return
	}
	for _, e := range local {
		s.hub.Emit(e.room, eventTelemetry, e.data, true)
	}
	for _, e := range remote {
		s.hub.Publish(e.room, eventTelemetry, e.data)
	}
}

// roomEvent is a telemetry event for one room.
type roomEvent struct {
	room string
	data []byte
}

// flush returns one event per room with what has changed since the last call: for
// members of this process and for other processes. It records the changes as
// flushed. hasMembers reports whether a room has members in this process. The
// caller holds roomsMu.
func (c *latestCache) flush(hasMembers func(room string) bool) (local, remote []roomEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.localDirty {
		s.localDirty = false
		s.flushed, s.flushedTS, s.flushedValue = true, s.ts, s.value
	}
	for _, s := range c.remoteDirty {
		s.remoteDirty = false
	}
	local = c.encodeEventsLocked(c.localDirty, func(w *watchedRoom) bool {
		return w.local && (len(w.event) > 0 || hasMembers(w.room.name)) // without members it is still loading
	})
	remote = c.encodeEventsLocked(c.remoteDirty, func(w *watchedRoom) bool { return w.remote })
	clear(c.localDirty)
	clear(c.remoteDirty)
	c.localDirty, c.remoteDirty = c.localDirty[:0], c.remoteDirty[:0]
	return local, remote
}

// encodeEventsLocked returns an event with the values of dirty for each room that
// wanted accepts. Each reading is encoded once for all of its rooms.
func (c *latestCache) encodeEventsLocked(dirty []*series, wanted func(*watchedRoom) bool) (events []roomEvent) {
	var touched []*watchedRoom
	for _, s := range dirty {
		reading := c.scratch[:0]
		for _, w := range s.machine.rooms {
			if !wanted(w) {
				continue
			}
			if len(reading) == 0 {
				reading = appendReading(reading, s.machine.name, s.metric, nil, s.ts, s.value)
				c.scratch = reading
			}
			if len(w.event) == 0 {
				touched = append(touched, w)
				w.event = append(w.event, `{"readings":[`...)
			} else {
				w.event = append(w.event, ',')
			}
			w.event = append(w.event, reading...)
		}
	}
	for _, w := range touched {
		events = append(events, roomEvent{w.room.name, append(w.event, "]}"...)})
		w.event = nil
	}
	return events
}
