package redisadapter

import (
	"errors"
	"sync"
	"time"
)

var errHandlerRunning = errors.New("a handler of a server-side event has not returned")

// eventQueue runs the handlers of server-side events in order, one at a time, each
// on a goroutine of its own.
type eventQueue struct {
	limit int // of waiting handlers

	mu      sync.Mutex
	waiting []func()
	running bool // a handler
	closed  bool
	wg      sync.WaitGroup
}

// enqueue runs f after the handlers before it. It does not wait. It returns false
// if the queue is full or closed.
func (q *eventQueue) enqueue(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) >= q.limit {
		return false
	}
	q.waiting = append(q.waiting, f)
	if !q.running {
		q.startNextLocked()
	}
	return true
}

func (q *eventQueue) startNextLocked() {
	if q.running = len(q.waiting) > 0; !q.running {
		q.waiting = nil
		return
	}
	f := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	q.wg.Go(func() {
		defer func() { // also if the handler calls runtime.Goexit
			q.mu.Lock()
			defer q.mu.Unlock()
			q.startNextLocked()
		}()
		f()
	})
}

// close drops the waiting handlers and waits up to grace for the running one.
func (q *eventQueue) close(grace time.Duration) error {
	q.mu.Lock()
	q.closed, q.waiting = true, nil
	q.mu.Unlock()
	ended := make(chan struct{})
	go func() { // ends with the running handler
		q.wg.Wait()
		close(ended)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
		return nil
	case <-timer.C:
		return errHandlerRunning
	}
}
