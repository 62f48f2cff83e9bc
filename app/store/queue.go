package store

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
)

// Queueable is what a Queue needs to know about a request.
type Queueable interface {
	// Size is the number of readings that the request counts for, at least 1.
	// It must not change while the request is in the queue or being committed.
	Size() int
	// Done receives the outcome once; see Request.
	Done() <-chan error
}

// Queue collects requests until a committer takes them as one group. Its
// capacity limits the readings that wait or are being committed; a request
// beyond it is refused at once. All methods may be called concurrently.
type Queue[R Queueable] struct {
	capacity int
	unit     string
	wake     chan struct{} // holds a token while there may be work

	mu          sync.Mutex
	waiting     []R
	waitingSize int // of waiting
	size        int // of waiting and of the groups being committed
	closed      bool
}

// NewQueue returns an empty queue for capacity readings, or whatever unit Size
// counts; errors name it.
func NewQueue[R Queueable](capacity int, unit string) *Queue[R] {
	return &Queue[R]{capacity: capacity, unit: unit, wake: make(chan struct{}, 1)}
}

// Check returns an error if the operation, which brings n readings, cannot
// start: because the queue is closed, ctx has ended, or n exceeds the capacity.
func (q *Queue[R]) Check(ctx context.Context, operation string, n int) error {
	if q.Closed() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return Unavailable(operation, err)
	}
	if n > q.capacity {
		return fmt.Errorf("%d %s in one call exceed the limit of %d: %w", n, q.unit, q.capacity, factory.ErrInvalid)
	}
	return nil
}

// Submit queues r and waits for its outcome. If ctx ends first, it returns
// ErrUnavailable with operation as the context, and the outcome stays unknown.
// reusable is false if a committer may still refer to r.
func (q *Queue[R]) Submit(ctx context.Context, operation string, r R) (reusable bool, err error) {
	if err := q.put(r); err != nil {
		return true, err
	}
	select {
	case err := <-r.Done():
		return true, err
	case <-ctx.Done():
		return false, Unavailable(operation, ctx.Err())
	}
}

func (q *Queue[R]) put(r R) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	n := r.Size()
	if q.size+n > q.capacity {
		return fmt.Errorf("%d %s are already queued: %w", q.size, q.unit, factory.ErrOverloaded)
	}
	q.size += n
	q.waitingSize += n
	q.waiting = append(q.waiting, r)
	q.signal()
	return nil
}

// Run passes queued requests to commit, in groups of at most maxSize readings
// but at least one request, until the queue is closed and empty. Several Runs
// may share a queue. The group is valid until commit returns; commit must call
// Release and then answer every request. Each tick of probe, which may be nil,
// makes Run call commit with an empty group.
func (q *Queue[R]) Run(maxSize int, commit func(group []R), probe <-chan time.Time) {
	var buf []R
	for {
		select {
		case <-q.wake:
		case <-probe:
			commit(nil)
			continue
		}
		for {
			group, closed := q.take(buf[:0], maxSize)
			buf = group
			if len(group) == 0 {
				if closed {
					return
				}
				break
			}
			commit(group)
			clear(group)
			// Let the clients that were just answered queue their next readings.
			runtime.Gosched()
		}
	}
}

// take removes a group from the queue. The queue or the group takes over the
// memory of buf, which is empty.
func (q *Queue[R]) take(buf []R, maxSize int) (group []R, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waitingSize <= maxSize {
		group, q.waiting, q.waitingSize = q.waiting, buf, 0
	} else {
		n, size := 0, 0
		for n < len(q.waiting) {
			next := q.waiting[n].Size()
			if n > 0 && size+next > maxSize {
				break
			}
			size += next
			n++
		}
		group = append(buf, q.waiting[:n]...)
		q.waiting = slices.Delete(q.waiting, 0, n)
		q.waitingSize -= size
	}
	if len(q.waiting) > 0 || q.closed {
		q.signal() // for another Run
	}
	return group, q.closed
}

// Release frees the capacity that n committed or failed readings occupied.
func (q *Queue[R]) Release(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= n
}

// Close refuses further requests. Those in the queue are still committed.
func (q *Queue[R]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// Closed reports whether Close was called.
func (q *Queue[R]) Closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// CheckFull returns ErrOverloaded if no capacity is left.
func (q *Queue[R]) CheckFull() error {
	if n := q.Size(); n >= q.capacity {
		return fmt.Errorf("%d %s are queued: %w", n, q.unit, factory.ErrOverloaded)
	}
	return nil
}

// Size returns the number of readings that occupy the capacity.
func (q *Queue[R]) Size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.size
}

func (q *Queue[R]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
