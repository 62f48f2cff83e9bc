package cluster

import (
	"sync"
	"sync/atomic"
)

// maxIdleGoroutines bounds the goroutines that wait for a connection.
const maxIdleGoroutines = 256

// goroutinePool runs connections on goroutines that it reuses, because their
// stacks have already grown to what a request needs.
type goroutinePool struct {
	work chan *conn
	idle atomic.Int64
	stop chan struct{} // closed to end the idle goroutines
	wg   sync.WaitGroup
}

func newGoroutinePool() *goroutinePool {
	return &goroutinePool{work: make(chan *conn), stop: make(chan struct{})}
}

// serve runs c on an idle goroutine or on a new one. It does not block.
func (p *goroutinePool) serve(c *conn) {
	select {
	case p.work <- c:
	default:
		p.wg.Add(1)
		go p.run(c)
	}
}

// run serves connections until there are too many idle goroutines. No panic
// reaches it. runtime.Goexit ends the goroutine, but Done is still called.
func (p *goroutinePool) run(c *conn) {
	defer p.wg.Done()
	for c != nil {
		c.worker.serve(c)
		if p.idle.Add(1) > maxIdleGoroutines {
			p.idle.Add(-1)
			return
		}
		select {
		case c = <-p.work:
		case <-p.stop:
			c = nil
		}
		p.idle.Add(-1)
	}
}

// trim ends one idle goroutine, if there is one. The watchdog calls it
// periodically, so that the pool shrinks after a burst.
func (p *goroutinePool) trim() {
	select {
	case p.work <- nil:
	default:
	}
}

// close ends the idle goroutines and waits for the others. serve must not be
// called afterwards.
func (p *goroutinePool) close() {
	close(p.stop)
	p.wg.Wait()
}
