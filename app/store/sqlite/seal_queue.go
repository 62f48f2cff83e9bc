package sqlite

import "sync"

// sealQueue knows which series have points in memory that are not sealed yet,
// and in which log row the oldest of them stands. The committer adds, the
// sealer takes.
type sealQueue struct {
	mu sync.Mutex
	// oldest and last end a list of the queued series, in the order of since.
	oldest, newest *series
	// full are queued series that have enough points for a chunk.
	full []*series
	// applied is the last log row whose readings are all in their series.
	applied int64
}

// push queues s, whose first active point has just come from log row seq.
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

// markFull notes that s has enough points for a chunk, and returns how many
// such series wait.
func (b *sealQueue) markFull(s *series) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !s.full {
		s.full = true
		b.full = append(b.full, s)
	}
	return len(b.full)
}

// markApplied notes that all readings up to log row seq are in their series.
func (b *sealQueue) markApplied(seq int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.applied = seq
}

// popFull removes up to n full series from the queue and returns them.
func (b *sealQueue) popFull(n int) (taken []*series) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := 0
	for _, s := range b.full {
		if len(taken) == n {
			break
		}
		seen++
		s.full = false
		if s.queued {
			b.removeLocked(s)
			taken = append(taken, s)
		}
	}
	b.full = append(b.full[:0], b.full[seen:]...)
	return taken
}

// popOldest removes up to n series from the queue, oldest first, whose first
// active point came at or before the time until, and returns them.
func (b *sealQueue) popOldest(n int, until int64) (taken []*series) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := b.oldest; s != nil && len(taken) < n && s.queuedAt <= until; s = b.oldest {
		b.removeLocked(s)
		taken = append(taken, s)
	}
	return taken
}

// firstNeededRow returns the first log row that is still needed, given that what was
// taken is sealed.
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
