package sqlite

import "sync"

// sealQueue is the list of the series with unsealed points and of the log rows
// that hold the oldest of them. The committer adds series; the sealer removes
// them.
type sealQueue struct {
	mu sync.Mutex
	// oldest and newest are the ends of a linked list, in the order of
	// firstLogRow.
	oldest, newest *series
	// full are the queued series with enough points for a chunk.
	full []*series
	// applied is the last log row whose readings have all been added to their
	// series.
	applied int64
}

// push queues s, whose oldest unsealed point is in log row seq.
func (b *sealQueue) push(s *series, seq, now int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.queued {
		return
	}
	s.queued, s.firstLogRow, s.queuedAt = true, seq, now
	s.prev, s.next = b.newest, nil
	if b.newest == nil {
		b.oldest = s
	} else {
		b.newest.next = s
	}
	b.newest = s
}

// markFull records that s has enough points for a chunk and returns the number
// of such series.
func (b *sealQueue) markFull(s *series) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !s.full {
		s.full = true
		b.full = append(b.full, s)
	}
	return len(b.full)
}

// markApplied records that all readings up to log row seq have been added to
// their series.
func (b *sealQueue) markApplied(seq int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.applied = seq
}

// popFull removes and returns up to n full series.
func (b *sealQueue) popFull(n int) (popped []*series) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := 0
	for _, s := range b.full {
		if len(popped) == n {
			break
		}
		seen++
		s.full = false
		if s.queued {
			b.removeLocked(s)
			popped = append(popped, s)
		}
	}
	b.full = append(b.full[:0], b.full[seen:]...)
	return popped
}

// popOldest removes and returns up to n series, oldest first, that were queued
// at or before the time until.
func (b *sealQueue) popOldest(n int, until int64) (popped []*series) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := b.oldest; s != nil && len(popped) < n && s.queuedAt <= until; s = b.oldest {
		b.removeLocked(s)
		popped = append(popped, s)
	}
	return popped
}

// firstNeededRow returns the first log row that recovery still needs, provided
// that all removed series are sealed.
func (b *sealQueue) firstNeededRow() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.oldest != nil {
		return min(b.oldest.firstLogRow, b.applied+1)
	}
	return b.applied + 1
}

func (b *sealQueue) removeLocked(s *series) {
	if s.prev == nil {
		b.oldest = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		b.newest = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.queued, s.prev, s.next = false, nil, nil
}
