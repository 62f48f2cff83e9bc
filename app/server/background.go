package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"
)

// background runs the loops of the process. One that panics, or ends before it was
// told to, is logged, counted, and started again after a delay that doubles from
// restartAfter to restartAfterMost; a loop that has run for longer than that begins
// anew. Health is degraded while a loop waits for its restart.
type background struct {
	log      *slog.Logger
	restarts func(loop string) *metrics.Counter
	delay    func(ctx context.Context, d time.Duration)
	now      func() time.Time

	wg sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]error // the loops that wait for their restart, and why they ended
}

const (
	restartAfter     = 100 * time.Millisecond
	restartAfterMost = 30 * time.Second
)

func newBackground(log *slog.Logger, set *metrics.Set, registry *health.Registry) *background {
	b := &background{log: log, now: time.Now, delay: wait, waiting: map[string]error{}}
	b.restarts = func(loop string) *metrics.Counter {
		return set.Counter("smartfactory_loop_restarts_total", "loop", loop)
	}
	registry.Add("background", health.Advisory, b.err)
	return b
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

var errLoopReturned = errors.New("returned without an error")

// run calls loop in a goroutine until ctx ends. done, if not nil, receives the
// result of the last call, which was told to end. loop must return soon after ctx
// ends, and must be callable again after it has returned.
func (b *background) run(ctx context.Context, name string, loop func(context.Context) error, done func(error)) {
	restarts := b.restarts(name)
	b.wg.Go(func() {
		delay := restartAfter
		for {
			began := b.now()
			err := contained(ctx, loop)
			if ctx.Err() != nil {
				if done != nil {
					done(err)
				}
				return
			}
			if err == nil {
				err = errLoopReturned
			}
			if b.now().Sub(began) > restartAfterMost {
				delay = restartAfter
			}
			restarts.Inc()
			b.log.Error("background loop ended; starting it again", slog.String(keyLoop, name), slog.String(keyError, err.Error()),
				slog.Duration(keyDelay, delay), see("background-loop"), stackOf(err))
			b.setWaiting(name, err)
			b.delay(ctx, delay)
			b.setWaiting(name, nil)
			delay = min(2*delay, restartAfterMost)
		}
	})
}

// wait returns when all loops have ended.
func (b *background) wait() { b.wg.Wait() }

func (b *background) setWaiting(loop string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		delete(b.waiting, loop)
		return
	}
	b.waiting[loop] = err
}

// err is the health check of the loops.
func (b *background) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []error
	for name, err := range b.waiting {
		all = append(all, fmt.Errorf("%s: %w", name, err))
	}
	return errors.Join(all...)
}

// loopPanic is the error of a loop that panicked.
type loopPanic struct {
	value any
	stack []byte
}

func (p *loopPanic) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// contained calls a loop and turns a panic, or the end of its goroutine, into an
// error.
func contained(ctx context.Context, loop func(context.Context) error) error {
	result := make(chan error, 1)
	go func() {
		returned := false
		var err error
		defer func() {
			if !returned {
				err = &loopPanic{recover(), debug.Stack()}
			}
			result <- err
		}()
		err = loop(ctx)
		returned = true
	}()
	return <-result
}

// stackOf returns the stack of a loopPanic, and the empty attribute otherwise.
func stackOf(err error) slog.Attr {
	if p, ok := errors.AsType[*loopPanic](err); ok {
		return slog.String(keyStack, string(p.stack))
	}
	return slog.Attr{}
}
