package live

// piece is what changed in one room.
type piece struct {
	room string
	data []byte // of an event telemetry
}

// take returns what has changed since it was last called, for the rooms that
// have members here and for those that are wanted elsewhere. From here on it
// counts as shown. has reports whether a room has members.
func (b *board) take(has func(room string) bool) (show, tell []piece) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var touched []*topic
	var scratch []byte
	for _, s := range b.changed {
		s.changed = false
		s.shown, s.shownTS, s.shownValue = true, s.ts, s.value
		scratch = scratch[:0]
		for _, t := range s.machine.topics {
			if !t.here {
				continue
			}
			if len(scratch) == 0 {
				scratch = appendReading(scratch, s.machine.name, s.metric, nil, s.ts, s.value)
			}
			if len(t.show) == 0 {
				if !has(t.room.name) {
					continue // nobody has been let in yet
				}
				touched = append(touched, t)
			}
			t.show = appendPiece(t.show, scratch)
		}
	}
	for _, t := range touched {
		show = append(show, piece{t.room.name, append(t.show, "]}"...)})
		t.show = nil
	}
	touched = touched[:0]
	for _, s := range b.ours {
		s.ours = false
		scratch = appendReading(scratch[:0], s.machine.name, s.metric, nil, s.ts, s.value)
		for _, t := range s.machine.topics {
			if !t.elsewhere {
				continue
			}
			if len(t.tell) == 0 {
				touched = append(touched, t)
			}
			t.tell = appendPiece(t.tell, scratch)
		}
	}
	for _, t := range touched {
		tell = append(tell, piece{t.room.name, append(t.tell, "]}"...)})
		t.tell = nil
	}
	clear(b.changed)
	clear(b.ours)
	b.changed, b.ours = b.changed[:0], b.ours[:0]
	return show, tell
}

// appendPiece appends a reading to an event that is being written.
func appendPiece(dst, reading []byte) []byte {
	if len(dst) == 0 {
		dst = append(dst, `{"readings":[`...)
	} else {
		dst = append(dst, ',')
	}
	return append(dst, reading...)
}

// snapshot writes the readings of a room as far as they have been shown, as a
// JSON array.
func (b *board) snapshot(dst []byte, r room) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	dst = append(dst, '[')
	begin := len(dst)
	add := func(m *machine) {
		for _, s := range m.series {
			if !s.shown {
				continue
			}
			if len(dst) > begin {
				dst = append(dst, ',')
			}
			dst = appendReading(dst, m.name, s.metric, &s.unit, s.shownTS, s.shownValue)
		}
	}
	switch r.kind {
	case roomMachine:
		if m := b.machines[r.machine]; m != nil {
			add(m)
		}
	case roomAll, roomLine:
		for _, m := range b.machines {
			if r.kind == roomAll || m.place == r.place {
				add(m)
			}
		}
	}
	return append(dst, ']')
}
