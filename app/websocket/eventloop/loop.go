package eventloop

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// handlerGrace is how long Run waits for running handlers.
const handlerGrace = 5 * time.Second

// Options configure a Loop.
type Options struct {
	// Shards is the number of epoll instances, each with two goroutines.
	// 0 means GOMAXPROCS.
	Shards int
	// StallAfter is how long a peer may read nothing while data is queued for
	// it, before it is closed as a slow client. Data with a Key needs this
	// limit because it replaces itself and never fills the queue. Checked when
	// more data is sent. 0 means no limit.
	StallAfter time.Duration
	// ReplaceAbove is how many bytes must be queued for a peer before data
	// with a Key replaces older data. Something is queued for every peer for a
	// moment, longer on a busy machine, and that alone should not cost a peer
	// any data. 0 always replaces.
	ReplaceAbove int
	// OnPanic, if set, receives each panic of a timer's function. The other timers
	// go on.
	OnPanic func(value any, stack []byte)
	// MemoryLimit bounds what all sessions hold together; see Memory. 0 means no
	// limit.
	MemoryLimit int64
	// OnEvict is called after sessions were evicted, with their number and with
	// what is held now. May be nil.
	OnEvict func(sessions int, used int64)
}

// Loop owns the epoll instances, the goroutines that serve them, and the timer
// wheel.
type Loop struct {
	shards       []*shard
	next         atomic.Uint32
	pool         *pool
	wheel        *timerWheel
	memory       *Memory
	stopped      chan struct{}
	stallAfter   time.Duration
	replaceAbove int
	startedAt    time.Time

	replaced, slow atomic.Uint64
}

// New creates a loop. It opens the epoll instances but starts no goroutine.
// Call Close if Run is never called.
func New(o Options) (*Loop, error) {
	if o.Shards <= 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	if o.OnEvict == nil {
		o.OnEvict = func(int, int64) {}
	}
	memory := newMemory(o.MemoryLimit, o.OnEvict)
	l := &Loop{
		memory: memory, pool: newPool(memory), wheel: newTimerWheel(o.OnPanic), stopped: make(chan struct{}),
		stallAfter: o.StallAfter, replaceAbove: o.ReplaceAbove, startedAt: time.Now(),
	}
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

// Close closes the epoll instances of a loop that will not Run.
func (l *Loop) Close() {
	for _, s := range l.shards {
		_ = s.epoll.Close()
	}
}

// Run serves connections until ctx ends. Then it closes the remaining ones and
// waits up to five seconds for their handlers; the error reports handlers that
// have not returned. Run may be called once.
func (l *Loop) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	failed := make(chan error, len(l.shards))
	for _, s := range l.shards {
		wg.Go(func() {
			if err := s.poll(); err != nil {
				failed <- err
			}
		})
		wg.Go(s.flushQueues)
	}
	wg.Go(func() { l.wheel.run(l.stopped) })
	wg.Go(func() { l.memory.run(l.stopped) })
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
	l.Close() // ends the pollers
	wg.Wait()
	return err
}

// Go runs f on a goroutine that Run waits for. f must contain its own panics.
// After the loop has stopped, Go returns false and does not run f.
func (l *Loop) Go(f func()) bool { return l.pool.run(task{f: f}) }

// Stats are counters of a loop.
type Stats struct {
	// Conns is the current number of connections.
	Conns int
	// Replaced counts queued data replaced by newer data with the same Key.
	// Slow counts connections closed as slow clients.
	// Evicted counts sessions closed because the sessions held too much memory.
	Replaced, Slow, Evicted uint64
}

// Memory returns what the sessions of the loop are charged to.
func (l *Loop) Memory() *Memory { return l.memory }

// Stats returns the counters. It is cheap.
func (l *Loop) Stats() Stats {
	st := Stats{Replaced: l.replaced.Load(), Slow: l.slow.Load(), Evicted: l.memory.evicted.Load()}
	for _, s := range l.shards {
		st.Conns += s.len()
	}
	return st
}
