package live

// piece is what changed in one room.
type roomEvent struct {
	room string
	data []byte // of an event telemetry
}

// take returns what has changed since it was last called, for the rooms that
// have members here and for those that are wanted elsewhere. From here on it
// counts as shown. has reports whether a room has members.
func (b *latestCache) flush(has func(room string) bool) (show, tell []roomEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var touched []*watchedRoom
	var scratch []byte
	for _, s := range b.localDirty {
		s.localDirty = false
		s.flushed, s.flushedTS, s.flushedValue = true, s.ts, s.value
		scratch = scratch[:0]
		for _, t := range s.machine.rooms {
			if !t.local {
				continue
			}
			if len(scratch) == 0 {
				scratch = appendReading(scratch, s.machine.name, s.metric, nil, s.ts, s.value)
			}
			if len(t.localEvent) == 0 {
				if !has(t.room.name) {
					continue // nobody has been let in yet
				}
				touched = append(touched, t)
			}
			t.localEvent = appendToEvent(t.localEvent, scratch)
		}
	}
	for _, t := range touched {
		show = append(show, roomEvent{t.room.name, append(t.localEvent, "]}"...)})
		t.localEvent = nil
	}
	touched = touched[:0]
	for _, s := range b.remoteDirty {
		s.remoteDirty = false
		scratch = appendReading(scratch[:0], s.machine.name, s.metric, nil, s.ts, s.value)
		for _, t := range s.machine.rooms {
			if !t.remote {
				continue
			}
			if len(t.remoteEvent) == 0 {
				touched = append(touched, t)
			}
			t.remoteEvent = appendToEvent(t.remoteEvent, scratch)
		}
	}
	for _, t := range touched {
		tell = append(tell, roomEvent{t.room.name, append(t.remoteEvent, "]}"...)})
		t.remoteEvent = nil
	}
	clear(b.localDirty)
	clear(b.remoteDirty)
	b.localDirty, b.remoteDirty = b.localDirty[:0], b.remoteDirty[:0]
	return show, tell
}

// appendPiece appends a reading to an event that is being written.
func appendToEvent(dst, reading []byte) []byte {
	if len(dst) == 0 {
		dst = append(dst, `{"readings":[`...)
	} else {
		dst = append(dst, ',')
	}
	return append(dst, reading...)
}

// snapshot writes the readings of a room as far as they have been shown, as a
// JSON array.
func (b *latestCache) appendReadings(dst []byte, r room) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
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
		if m := b.machines[r.machine]; m != nil {
			add(m)
		}
	case roomAll, roomLine:
		for _, m := range b.machines {
			if r.kind == roomAll || m.placement == r.place {
				add(m)
			}
		}
	}
	return append(dst, ']')
}
