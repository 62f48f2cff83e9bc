package redislink

import (
	"sync"
	"time"
)

// publication is a message that waits to be published.
type publication struct {
	channel string
	message string
	at      time.Time
}

// size is what the publication costs against the limit of the queue.
func (p publication) size() int { return len(p.channel) + len(p.message) + 64 }

// queue holds publications until the goroutine of the connection sends them. It
// is bounded by size and age. The oldest are dropped first: they matter least
// once Redis is back.
type queue struct {
	limit  int           // bytes
	maxAge time.Duration // 0: no limit
	wake   chan struct{} // capacity 1: the queue is not empty

	mu      sync.Mutex
	list    []publication
	size    int
	dropped uint64
	closed  bool
}

func newQueue(limit int, maxAge time.Duration) *queue {
	return &queue{limit: limit, maxAge: maxAge, wake: make(chan struct{}, 1)}
}

// put appends a publication. It does not block.
func (q *queue) put(p publication) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || p.size() > q.limit {
		q.dropped++
		return
	}
	q.list = append(q.list, p)
	q.size += p.size()
	for q.size > q.limit {
		q.dropOldestLocked()
	}
	notify(q.wake)
}

func (q *queue) dropOldestLocked() {
	q.size -= q.list[0].size()
	q.list[0] = publication{}
	q.list = q.list[1:]
	q.dropped++
}

// take removes up to count publications of up to size bytes together, but at
// least one if there is any. It drops those that have expired.
func (q *queue) take(count, size int, now time.Time) []publication {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.maxAge > 0 && len(q.list) > 0 && now.Sub(q.list[0].at) > q.maxAge {
		q.dropOldestLocked()
	}
	end := 0
	for end < len(q.list) && end < count && (end == 0 || size >= q.list[end].size()) {
		size -= q.list[end].size()
		q.size -= q.list[end].size()
		end++
	}
	taken := q.list[:end:end]
	if q.list = q.list[end:]; len(q.list) == 0 {
		q.list = nil
	}
	return taken
}

// addDropped counts publications that were dropped outside the queue.
func (q *queue) addDropped(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped += uint64(n)
}

func (q *queue) stats() (queuedBytes int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size, q.dropped
}

// clear drops everything that waits.
func (q *queue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped += uint64(len(q.list))
	q.list, q.size = nil, 0
}

// close drops everything that waits and whatever is put later.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.clear()
}

// notify wakes the receiver of a channel with capacity 1, now or at its next receive.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
