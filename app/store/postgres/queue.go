package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"smart-factory-backend/app/factory"
)

// request is one Append on its way through a committer.
type request struct {
	entries  []entry
	rejected []factory.Rejection
	version  int64 // of the catalog that entries were last compared with
	// refused counts the entries that a committer has rejected.
	refused int
	done    chan error // gets one value when the request is committed or failed
}

// entry is one reading of a request.
type entry struct {
	// series is nil once the reading is rejected. One without an id is known by
	// its key only, and has to be registered.
	series *series
	point  factory.Point
	index  int // in the slice that the caller gave
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan error, 1)} }}

// recycle empties r and keeps its memory for another Append. Nobody else may
// hold r.
func (r *request) recycle() {
	if cap(r.entries) > 1<<14 {
		return // a rare giant; leave it to the collector
	}
	clear(r.entries)
	r.entries, r.rejected, r.refused = r.entries[:0], nil, 0
	requests.Put(r)
}

// reject refuses the reading with the given index.
func (r *request) reject(index int, err error) {
	r.rejected = append(r.rejected, factory.Rejection{Index: index, Err: err})
}

// refuse rejects an entry that was taken first.
func (r *request) refuse(e *entry, err error) {
	r.reject(e.index, err)
	r.refused++
	e.series = nil
}

// result is what the caller gets of a request of n readings.
func (r *request) result(n int) factory.AppendResult {
	slices.SortFunc(r.rejected, func(a, b factory.Rejection) int { return cmp.Compare(a.Index, b.Index) })
	return factory.AppendResult{Accepted: n - len(r.rejected), Rejected: r.rejected}
}

// queue holds the requests that wait for a commit, bounded by their readings.
type queue struct {
	capacity int
	wake     chan struct{} // has a token when there may be something to take

	mu       sync.Mutex
	waiting  []*request
	readings int // in waiting and in the groups that are being committed
	closed   bool
}

func newQueue(capacity int) *queue {
	return &queue{capacity: capacity, wake: make(chan struct{}, 1)}
}

// put adds r or says why not. It does not block.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errClosed
	}
	if q.readings+len(r.entries) > q.capacity {
		return fmt.Errorf("%d readings are queued already: %w", q.readings, factory.ErrOverloaded)
	}
	q.readings += len(r.entries)
	q.waiting = append(q.waiting, r)
	q.signal()
	return nil
}

// take moves waiting requests to group, which is empty, up to so many readings
// but at least one request, and returns it. over says that nothing waits and
// nothing will. The readings count until release.
func (q *queue) take(group []*request, readings int) (taken []*request, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.waiting) {
		if readings -= len(q.waiting[n].entries); readings < 0 && n > 0 {
			break
		}
		n++
	}
	group = append(group, q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	if len(q.waiting) > 0 || q.closed {
		q.signal() // for another committer
	}
	return group, n == 0 && q.closed
}

// release ends the count of n readings that were taken.
func (q *queue) release(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.readings -= n
}

// close lets nothing more in. What is in the queue can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// queued returns the number of readings that count against the capacity, and
// whether the queue is closed.
func (q *queue) queued() (readings int, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.readings, q.closed
}
