package eventloop

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// stopGrace is how long handlers may take to return once the loop has ended.
const handlerGrace = 5 * time.Second

// Options configure a Loop.
type Options struct {
	// Shards is the number of epoll sets, each with two goroutines; 0 is
	// GOMAXPROCS.
	Shards int
	// StallAfter is how long a peer may take nothing while something waits for
	// it, before it is sent off like one whose queue is full: data with a Key
	// never fills the queue. It is looked at when more is sent. 0 is no bound.
	StallAfter time.Duration
	// ReplaceAbove is how many bytes have to wait for a peer before data with a
	// Key takes the place of older data: for a moment something waits for
	// everybody, the longer the busier the machine is. 0 always replaces.
	ReplaceAbove int
}

// Loop owns the epoll sets, the goroutines that serve them, and the wheel.
type Loop struct {
	shards       []*shard
	next         atomic.Uint32
	pool         *pool
	wheel        *timerWheel
	stopped      chan struct{}
	stallAfter   time.Duration
	replaceAbove int // Options.ReplaceAbove
	startedAt    time.Time

	replaced, slow atomic.Uint64
}

// New makes a loop: it opens the epoll sets and starts nothing. Close gives
// them back if Run is never called.
func New(o Options) (*Loop, error) {
	if o.Shards <= 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	l := &Loop{pool: newPool(), wheel: newTimerWheel(), stopped: make(chan struct{}), stallAfter: o.StallAfter, replaceAbove: o.ReplaceAbove, startedAt: time.Now()}
	for range o.Shards {
		s, err := newShard(l)
		if err != nil {
			l.Close()
			return nil, err
		}
		l.shards = append(l.shards, s)
	}
	return l, nil
}

// Close gives back what New opened. It is for a loop that does not Run.
func (l *Loop) Close() {
	for _, s := range l.shards {
		_ = s.epoll.Close()
	}
}

// Run serves until ctx ends, then closes the connections that are left and
// waits until the last handler has returned, for five seconds at most: an
// error says that some have not. A loop runs once.
func (l *Loop) Run(ctx context.Context) error {
	var helpers sync.WaitGroup
	failed := make(chan error, len(l.shards))
	for _, s := range l.shards {
		helpers.Go(func() {
			if err := s.poll(); err != nil {
				failed <- err
			}
		})
		helpers.Go(s.flushQueues)
	}
	helpers.Go(func() { l.wheel.run(l.stopped) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, s := range l.shards {
		s.closeAll()
	}
	select {
	case <-l.pool.close():
	case <-time.After(handlerGrace):
		err = errors.Join(err, errors.New("handlers of connections have not returned"))
	}
	close(l.stopped)
	l.Close() // ends the watching
	helpers.Wait()
	return err
}

// Go runs f on a goroutine that Run waits for. f must contain its own panics.
// Once the loop has ended it reports false and f is not run.
func (l *Loop) Go(f func()) bool { return l.pool.run(task{f: f}) }

// Stats are a loop's figures.
type Stats struct {
	// Conns is how many connections it has now.
	Conns int
	// Replaced counts what a newer one of its Key took the place of; Slow the
	// connections that were ended for reading too slowly.
	Replaced, Slow uint64
}

// Stats is cheap.
func (l *Loop) Stats() Stats {
	st := Stats{Replaced: l.replaced.Load(), Slow: l.slow.Load()}
	for _, s := range l.shards {
		st.Conns += s.len()
	}
	return st
}
