package replay

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// shownRejections is how many rejected points are told one by one.
const maxRejections = 5

// tally counts what all streams do. It is safe for concurrent use.
type counters struct {
	accepted, rejected, missing atomic.Int64
	// rows are those of acknowledged batches; bytes is how far the files are
	// acknowledged, skipped how far they were before this replay.
	rows, bytes, skipped atomic.Int64
	requests, retries    atomic.Int64
	latency              latencies

	mu sync.Mutex
	// failures counts failed attempts by kind; trouble is the latest, until a
	// request succeeds.
	failures    map[string]int64
	lastFailure string
	rejections  []string
	// waiting holds, by stream, the time of the reading that it waits for.
	waiting map[*machineJob]time.Time
}

func newCounters() *counters {
	return &counters{failures: make(map[string]int64), waiting: make(map[*machineJob]time.Time)}
}

// fail notes a failed attempt.
func (t *counters) attemptFailed(p *transientError) {
	t.requests.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failures[p.kind]++
	t.lastFailure = p.Error()
}

// settle notes an attempt that the server decided.
func (t *counters) attemptSettled() {
	t.requests.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastFailure = ""
}

// reject keeps the first few reasons.
func (t *counters) addRejection(text func() string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rejections) < maxRejections {
		t.rejections = append(t.rejections, text())
	}
}

// wait notes that s waits for a reading that is due at the given time; the
// zero time ends the wait.
func (t *counters) setWaiting(s *machineJob, due time.Time) {
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
	lastFailure               string
	// due is when the next reading is sent; zero if one is under way.
	due time.Time
}

func (t *counters) snapshot(streams int, total int64) snapshot {
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
	s.lastFailure = t.lastFailure
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
func (t *counters) errors() (map[string]int64, []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.failures), append([]string{}, t.rejections...)
}
