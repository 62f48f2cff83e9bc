package sqlite

import (
	"fmt"
	"sync"

	"smart-factory-backend/app/factory"
)

// request is one Append on its way through the committer.
type request struct {
	entries    []entry
	unresolved []unresolvedEntry
	rejected   []factory.Rejection
	epoch      int             // of the catalog, when the series were looked up
	change     *registryChange // instead of all that: a change of the registry
	done       chan error      // gets one value when the request is committed or failed
}

// registryChange is a change of the registry on its way through the committer.
type registryChange struct {
	// prepare looks at the present and says what to do: write in a transaction
	// of its own, publish once that is durable. write nil means that there is
	// nothing to change. An error is the answer. machine is the one concerned.
	prepare func(c *committer) (write func(*conn) error, publish func(), err error)
	machine string
}

// size is what a request counts in the queue.
func (r *request) size() int { return max(1, len(r.entries)) }

// entry is one reading of a request.
type entry struct {
	series *series // nil: one of the newcomers
	point  factory.Point
}

// unresolvedEntry is a reading whose series is not known yet.
type unresolvedEntry struct {
	key
	index int // in the slice that the caller gave
	entry int // in request.entries
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan error, 1)} }}

// free empties r and keeps its memory for another Append. Nobody else may
// hold r.
func (r *request) free() {
	if cap(r.entries) > 1<<14 {
		return // a rare giant; leave it to the collector
	}
	clear(r.entries)
	clear(r.unresolved)
	r.entries, r.unresolved, r.rejected, r.change = r.entries[:0], r.unresolved[:0], nil, nil
	requests.Put(r)
}

// queue holds the requests that wait for a commit, bounded by their readings.
type queue struct {
	capacity int
	wake     chan struct{} // has a token when there may be something to take

	mu       sync.Mutex
	waiting  []*request
	readings int // in waiting and in the group that is being committed
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
	if q.readings+r.size() > q.capacity {
		return fmt.Errorf("%d readings are queued already: %w", q.readings, factory.ErrOverloaded)
	}
	q.readings += r.size()
	q.waiting = append(q.waiting, r)
	q.signal()
	return nil
}

// take returns all waiting requests and reports whether the queue is closed.
// Their readings count until release. The queue keeps spare, which is empty,
// for those that come next.
func (q *queue) yield(spare []*request) (group []*request, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	group, q.waiting = q.waiting, spare
	return group, q.closed
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

// queued returns the number of readings that count against the capacity.
func (q *queue) queued() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.readings
}
