package cluster

import (
	"sync"
	"sync/atomic"
)

// idleServers is how many goroutines wait for their next connection at most.
const maxIdleGoroutines = 256

// pool runs connections on goroutines that it keeps for the next one, because
// their stacks have grown to what a request needs.
type goroutinePool struct {
	work chan *conn
	idle atomic.Int64
	// stop ends the idle ones.
	stop chan struct{}
	wg   sync.WaitGroup
}

func newGoroutinePool() *goroutinePool {
	return &goroutinePool{work: make(chan *conn), stop: make(chan struct{})}
}

// serve runs c on an idle goroutine or on a new one. It doesn't block.
func (p *goroutinePool) serve(c *conn) {
	select {
	case p.work <- c:
	default:
		p.wg.Add(1)
		go p.run(c)
	}
}

// run serves connections until it is one idle goroutine too many. A panic does
// not get here; runtime.Goexit ends the goroutine, and Done is still called.
func (p *goroutinePool) run(c *conn) {
	defer p.wg.Done()
	for {
		c.worker.serve(c)
		if p.idle.Add(1) > maxIdleGoroutines {
			p.idle.Add(-1)
			return
		}
		select {
		case c = <-p.work:
			p.idle.Add(-1)
			if c == nil {
				return
			}
		case <-p.stop:
			p.idle.Add(-1)
			return
		}
	}
}

// trim ends one idle goroutine, if there is one. Called now and then, it lets
// the pool shrink after a burst.
func (p *goroutinePool) trim() {
	select {
	case p.work <- nil:
	default:
	}
}

// close ends the idle goroutines and waits for those that serve. Nothing may
// be served afterwards.
func (p *goroutinePool) close() {
	close(p.stop)
	p.wg.Wait()
}
