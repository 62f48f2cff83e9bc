package eventloop

import (
	"sync"
	"sync/atomic"
)

// maxIdle is the largest number of goroutines that wait for work.
const maxIdle = 128

// task is a connection to serve, or else a function to run.
type task struct {
	c *Conn
	f func()
}

// pool runs tasks on goroutines that it reuses, because their stacks have
// already grown to the size that a handler needs.
type pool struct {
	memory *Memory
	work   chan task
	idle   atomic.Int64
	stop   chan struct{}

	mu      sync.Mutex
	running int
	closed  bool
	ended   chan struct{} // closed when the last goroutine has ended after close
}

func newPool(m *Memory) *pool {
	return &pool{memory: m, work: make(chan task), stop: make(chan struct{}), ended: make(chan struct{})}
}

// run hands t to an idle goroutine or starts one. It does not block. After
// close it returns false.
func (p *pool) run(t task) bool {
	select {
	case p.work <- t:
		return true
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.running++
	p.memory.add(goroutineCost)
	go p.serve(t)
	return true
}

func (p *pool) serve(t task) {
	defer p.exit()
	for {
		if t.c != nil {
			t.c.serve()
		} else {
			t.f()
		}
		t = task{}
		if p.idle.Add(1) > maxIdle {
			p.idle.Add(-1)
			return
		}
		select {
		case t = <-p.work:
			p.idle.Add(-1)
		case <-p.stop:
			p.idle.Add(-1)
			return
		}
	}
}

func (p *pool) exit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.memory.add(-goroutineCost)
	if p.closed && p.running == 0 {
		close(p.ended)
	}
}

// close rejects new tasks and returns a channel that is closed when the last
// goroutine has ended.
func (p *pool) close() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	close(p.stop)
	if p.running == 0 {
		close(p.ended)
	}
	return p.ended
}
