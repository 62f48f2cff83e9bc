package live

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live/hub"
)

// minSnapshotRefs is the number of sessions in a room from which on its snapshot is
// kept for the next subscriber.
const minSnapshotRefs = 4

// snapshotLocked returns the snapshot of a room at seq. Subscribers that join
// before anything has changed share one frame.
func (s *Server) snapshotLocked(state *roomState, seq uint64) *hub.Frame {
	if f := state.snapshot; f != nil && f.Seq == seq && state.snapshotEpoch == s.epoch && state.snapshotVersion == s.retained.version {
		return f
	}
	f := &hub.Frame{Room: state.room.name, Event: eventSnapshot, Seq: seq, Data: s.encodeSnapshot(state.room)}
	if state.snapshot = nil; state.refs >= minSnapshotRefs {
		state.snapshot, state.snapshotEpoch, state.snapshotVersion = f, s.epoch, s.retained.version
	}
	return f
}

// encodeSnapshot returns the data of a room's snapshot event: the flushed readings
// and the retained events. The caller holds roomsMu.
func (s *Server) encodeSnapshot(room room) []byte {
	data := append([]byte(nil), `{"readings":`...)
	data = s.cache.appendReadings(data, room)
	data = s.retained.appendMembers(data, room, func(machine string) bool { return s.roomHasMachine(room, machine) })
	return append(data, '}')
}

// appendReadings appends the flushed readings of a room as a JSON array.
func (c *latestCache) appendReadings(dst []byte, r room) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	dst = append(dst, '[')
	begin := len(dst)
	add := func(m *machineEntry) {
		for _, s := range m.series {
			if !s.flushed {
				continue
			}
			if len(dst) > begin {
				dst = append(dst, ',')
			}
			dst = appendReading(dst, m.name, s.metric, &s.unit, s.flushedTS, s.flushedValue)
		}
	}
	switch r.kind {
	case roomMachine:
		if m := c.machines[r.machine]; m != nil {
			add(m)
		}
	case roomAll, roomLine:
		for _, m := range c.machines {
			if r.kind == roomAll || m.placement == r.placement {
				add(m)
			}
		}
	}
	return append(dst, ']')
}

// latestPageSize is the number of series read from the store at once.
const latestPageSize = 1000

// loadLatest fills the cache with the readings of a room from the store.
func (s *Server) loadLatest(ctx context.Context, room room) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.SnapshotTimeout)
	defer cancel()
	q := factory.LatestQuery{Machine: room.machine, Limit: latestPageSize}
	for {
		page, err := s.options.Latest.Latest(ctx, q)
		if err != nil {
			return fmt.Errorf("load the snapshot of room %q: %w", clip(room.name), err)
		}
		s.cache.applyStored(page.Readings, func(machine string) bool { return s.roomHasMachine(room, machine) })
		if page.NextCursor == "" {
			return nil
		}
		q.Cursor = page.NextCursor
	}
}
