package eventloop

import (
	"os"
	"sync"
	"time"
)

// corkDelay is how long data that a running handler sends may wait for more.
const corkDelay = time.Millisecond

// shard is one epoll instance, its connections, and the list of those with
// data to write.
type shard struct {
	loop  *Loop
	epoll *os.File

	mu      sync.Mutex
	conns   []*Conn // by Conn.slot; nil where a slot is free
	free    []int32
	count   int
	stopped bool

	flushes struct {
		mu sync.Mutex
		// ready connections are flushed at once; corked ones when corkTimer
		// fires, because their handlers run and may send more.
		ready, corked []*Conn
		signaled      bool // flushSignal holds a token
		timerSet      bool
	}
	flushSignal chan struct{}
	corkTimer   *time.Timer
}

func newShard(l *Loop) (*shard, error) {
	epoll, err := newEpoll()
	if err != nil {
		return nil, err
	}
	return &shard{loop: l, epoll: epoll, flushSignal: make(chan struct{}, 1), corkTimer: time.NewTimer(time.Hour)}, nil
}

// addConn gives the connection a slot.
func (s *shard) addConn(c *Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return ErrStopped
	}
	if n := len(s.free); n > 0 {
		c.slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c.slot = int32(len(s.conns)) //nolint:gosec // as many as descriptors
		s.conns = append(s.conns, nil)
	}
	s.conns[c.slot] = c
	s.count++
	return nil
}

// removeConn removes the connection from epoll and frees its slot. It must be
// called before the socket is closed.
func (s *shard) removeConn(c *Conn) {
	s.unregister(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.slot] = nil
	s.free = append(s.free, c.slot)
	s.count--
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// closeAll rejects new connections and ends the existing ones with ErrStopped.
func (s *shard) closeAll() {
	s.mu.Lock()
	s.stopped = true
	all := append([]*Conn(nil), s.conns...)
	s.mu.Unlock()
	for _, c := range all {
		if c != nil {
			c.fail(ErrStopped)
		}
	}
}

// scheduleFlush has flushQueues write the connection's queue: at once, or
// after corkDelay if it is corked.
func (s *shard) scheduleFlush(c *Conn, corked bool) {
	f := &s.flushes
	f.mu.Lock()
	defer f.mu.Unlock()
	if corked {
		f.corked = append(f.corked, c)
		if !f.timerSet {
			f.timerSet = true
			s.corkTimer.Reset(corkDelay)
		}
		return
	}
	f.ready = append(f.ready, c)
	if !f.signaled {
		f.signaled = true
		s.flushSignal <- struct{}{} // does not block: the channel is empty
	}
}

// flushQueues writes the queues of scheduled connections until the loop stops.
func (s *shard) flushQueues() {
	defer s.corkTimer.Stop()
	var conns []*Conn
	for {
		fired := false
		select {
		case <-s.flushSignal:
		case <-s.corkTimer.C:
			fired = true
		case <-s.loop.stopped:
			return
		}
		f := &s.flushes
		f.mu.Lock()
		if fired {
			f.timerSet = false
			conns, f.corked = f.corked, conns[:0]
		} else {
			f.signaled = false
			conns, f.ready = f.ready, conns[:0]
		}
		f.mu.Unlock()
		for i, c := range conns {
			c.flushScheduled()
			conns[i] = nil
		}
		if cap(conns) > 4096 {
			conns = nil // release the memory of a burst
		}
	}
}
