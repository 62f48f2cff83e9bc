package redisadapter

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

func (p publication) size() int { return len(p.channel) + len(p.message) + 64 }

// queue holds publications between those who make them, who never wait, and
// the one goroutine that publishes. When it is full the oldest give way: they
// are the ones that matter least by the time Redis is back.
type queue struct {
	limit  int           // bytes
	maxAge time.Duration // what has waited longer is not published any more
	wake   chan struct{} // has room for one: something is in the queue

	mu     sync.Mutex
	list   []publication
	size   int
	lost   uint64
	closed bool
}

func newQueue(limit int, maxAge time.Duration) *queue {
	return &queue{limit: limit, maxAge: maxAge, wake: make(chan struct{}, 1)}
}

// put adds a publication and does not block.
func (q *queue) put(p publication) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || p.size() > q.limit {
		q.lost++
		return
	}
	q.list = append(q.list, p)
	q.size += p.size()
	drop := 0
	for ; q.size > q.limit; drop++ {
		q.size -= q.list[drop].size()
		q.list[drop] = publication{}
	}
	q.list = q.list[drop:]
	q.lost += uint64(drop)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take removes up to n publications of up to size bytes, at least one if there
// is any; those that are too old are lost instead.
func (q *queue) take(n, size int, now time.Time) []publication {
	q.mu.Lock()
	defer q.mu.Unlock()
	old := 0
	for old < len(q.list) && now.Sub(q.list[old].at) > q.maxAge {
		q.size -= q.list[old].size()
		old++
	}
	q.lost += uint64(old)
	q.list = q.list[old:]
	end := 0
	for end < len(q.list) && end < n && (end == 0 || size >= q.list[end].size()) {
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

// lose counts publications that were taken and did not get anywhere.
func (q *queue) lose(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += uint64(n)
}

func (q *queue) counts() (waiting int, lost uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size, q.lost
}

// close empties the queue for good.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost += uint64(len(q.list))
	q.list, q.size, q.closed = nil, 0, true
}
