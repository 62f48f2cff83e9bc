package replay

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// shownRejections is how many rejected points are told one by one.
const shownRejections = 5

// tally counts what all streams do. It is safe for concurrent use.
type tally struct {
	accepted, rejected, gaps atomic.Int64
	// rows are those of acknowledged batches; bytes is how far the files are
	// acknowledged, skipped how far they were before this replay.
	rows, bytes, skipped atomic.Int64
	requests, retries    atomic.Int64
	latency              latencies

	mu sync.Mutex
	// failures counts failed attempts by kind; trouble is the latest, until a
	// request succeeds.
	failures map[string]int64
	trouble  string
	shown    []string
	// waiting holds, by stream, the time of the reading that it waits for.
	waiting map[*stream]time.Time
}

func newTally() *tally {
	return &tally{failures: make(map[string]int64), waiting: make(map[*stream]time.Time)}
}

// fail notes a failed attempt.
func (t *tally) fail(p *passing) {
	t.requests.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures[p.kind]++
	t.trouble = p.Error()
}

// settle notes an attempt that the server decided.
func (t *tally) settle() {
	t.requests.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trouble = ""
}

// reject keeps the first few reasons.
func (t *tally) reject(text func() string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.shown) < shownRejections {
		t.shown = append(t.shown, text())
	}
}

// wait notes that s waits for a reading that is due at the given time; the
// zero time ends the wait.
func (t *tally) wait(s *stream, due time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if due.IsZero() {
		delete(t.waiting, s)
		return
	}
	t.waiting[s] = due
}

// snapshot is a moment of a replay, for the display.
type snapshot struct {
	points, rejected, retries int64
	bytes, skipped, total     int64
	trouble                   string
	// due is when the next reading is sent; zero if one is under way.
	due time.Time
}

func (t *tally) look(streams int, total int64) snapshot {
	s := snapshot{
		rejected: t.rejected.Load(),
		retries:  t.retries.Load(),
		bytes:    t.bytes.Load(),
		skipped:  t.skipped.Load(),
		total:    total,
	}
	s.points = t.accepted.Load() + s.rejected
	t.mu.Lock()
	defer t.mu.Unlock()
	s.trouble = t.trouble
	if len(t.waiting) < streams {
		return s
	}
	for _, due := range t.waiting {
		if s.due.IsZero() || due.Before(s.due) {
			s.due = due
		}
	}
	return s
}

// failed returns the failed attempts by kind, and the rejections to show.
func (t *tally) failed() (map[string]int64, []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.failures), append([]string{}, t.shown...)
}
