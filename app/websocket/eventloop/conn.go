package eventloop

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// The states of a connection, as to who serves it.
const (
	waiting = iota // nobody does
	serving        // a goroutine does
	again          // and has to look once more
	over           // it is closed, or is being closed
)

// Conn is one connection. The zero value is made ready by Loop.Add; it must
// not be copied.
type Conn struct {
	t     Transport
	h     Handler
	s     *shard
	limit int
	slot  int32
	state atomic.Uint32
	// hangup says that an end may follow what a read returns.
	hangup atomic.Bool

	// drained says that nothing is left to read until the next event. The
	// goroutine that serves the connection owns it.
	drained bool

	mu        sync.Mutex
	corked    bool          // its handler is at work, and flushes when it is done
	scheduled bool          // it is in the shard's list
	writing   bool          // somebody is in TryWrite
	blocked   bool          // nothing fits until the kernel says so
	since     time.Duration // when that began, from the loop's begin
	roomy     bool          // the kernel said so during the present TryWrite
	held      bool          // the transport holds back bytes that have not left
	finishing bool          // nothing more is sent, and what arrives is thrown away
	shut      bool          // our side is closed
	queue     []chunk
	one       [1]chunk // the queue's first array: most often one is enough
	offset    int      // how much of queue[0] has left
	leaving   int      // how many of queue are with TryWrite
	queued    int      // bytes
	err       error    // why it ends
	reason    error    // why it finishes
	timer     *Timer   // ends it while finishing
}

// Add watches t, tells h what happens, and lets limit bytes wait to be sent.
// From here on t belongs to the loop, which closes it; on an error it stays
// the caller's.
func (l *Loop) Add(c *Conn, t Transport, h Handler, limit int) error {
	s := l.shards[int(l.next.Add(1))%len(l.shards)]
	c.t, c.h, c.s, c.limit = t, h, s, limit
	c.queue = c.one[:0]
	c.state.Store(serving) // until it is in the set, nobody may close it
	if err := s.add(c); err != nil {
		return err
	}
	if err := s.watchFor(c); err != nil {
		s.remove(c)
		return err
	}
	c.state.Store(again) // what has arrived before is not reported
	if !l.pool.run(task{c: c}) {
		s.remove(c)
		return ErrStopped
	}
	return nil
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.t.RemoteAddr() }

// Loop is the loop that the connection was added to.
func (c *Conn) Loop() *Loop { return c.s.loop }

// Read reads what has arrived. It is for Handler.Readable only. unix.EAGAIN
// says that nothing is left; after any other error the connection ends.
func (c *Conn) Read(p []byte) (int, error) {
	if c.drained {
		return 0, unix.EAGAIN
	}
	layered := c.t.Layered() // before it may give out the last of what it holds
	n, err := c.t.TryRead(p)
	switch {
	case err == nil:
		c.drained = n < len(p) && !layered && !c.hangup.Load()
	case errors.Is(err, unix.EAGAIN):
		c.drained = true
	default:
		c.uncork() // who has ended its side may still read
		c.end(err)
	}
	return n, err
}

// happened is told the kernel's events.
func (c *Conn) happened(events uint32) {
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.hangup.Store(true)
	}
	if events&unix.EPOLLOUT != 0 {
		c.makeRoom()
	}
	if events&^unix.EPOLLOUT != 0 {
		c.wake()
	}
}

// wake has a goroutine look at the connection.
func (c *Conn) wake() {
	for {
		switch state := c.state.Load(); state {
		case waiting:
			if c.state.CompareAndSwap(waiting, serving) {
				if !c.s.loop.pool.run(task{c: c}) {
					c.serve() // the loop is ending, and so is the connection
				}
				return
			}
		case serving:
			if c.state.CompareAndSwap(serving, again) {
				return
			}
		default:
			return
		}
	}
}

// serve handles what has arrived until nothing is left.
func (c *Conn) serve() {
	for {
		c.state.Store(serving)
		c.drained = false
		if c.ended() == nil && !c.t.Guard((*reading)(c)) {
			return // Failed has seen to the rest
		}
		c.uncork()
		if c.ended() != nil {
			c.close()
			return
		}
		if c.state.CompareAndSwap(serving, waiting) {
			return
		}
	}
}

// reading is a connection being read, under guard.
type reading Conn

func (r *reading) Run() {
	c := (*Conn)(r)
	c.mu.Lock()
	finishing := c.finishing
	c.corked = !finishing
	c.mu.Unlock()
	if finishing {
		c.discard()
		return
	}
	c.h.Readable(c)
}

// Failed ends a connection whose handler panicked. After runtime.Goexit no
// other code of ours runs on the goroutine any more.
func (r *reading) Failed() {
	c := (*Conn)(r)
	defer func() {
		if v := recover(); v != nil {
			c.end(ErrFailed)
		}
		c.uncork()
		c.settle(ErrFailed)
	}()
	c.h.Failed(c)
}

// settle lets a failed connection send its last words, or closes it.
func (c *Conn) settle(err error) {
	c.mu.Lock()
	lingers := c.finishing && c.err == nil
	c.mu.Unlock()
	if !lingers {
		c.end(err)
		c.close()
		return
	}
	c.state.Store(waiting)
	c.wake() // there may be bytes that nobody has been told of
}

func (c *Conn) discard() {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		if _, err := c.Read(buf[:]); err != nil {
			return
		}
	}
}

// ended returns why the connection ends, nil if it does not.
func (c *Conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end notes why the connection ends and has it closed. What waits is not sent.
func (c *Conn) end(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		if c.state.Load() != over { // its goroutine may be anywhere: the peer shall know now
			_ = unix.Shutdown(c.t.Descriptor(), unix.SHUT_RDWR)
		}
	}
	c.mu.Unlock()
	c.wake()
}

// Abort ends the connection at once; Handler.Closed gets err, or ErrClosed if
// it is nil. What waits is not sent.
func (c *Conn) Abort(err error) {
	if err == nil {
		err = ErrClosed
	}
	c.end(err)
}

// Finish sends what waits, ends our side, and closes the connection when the
// peer has ended its own, or after grace. Nothing more can be sent, and what
// arrives is thrown away: closing a socket that has unread bytes resets it,
// and what was sent last may be lost.
func (c *Conn) Finish(grace time.Duration) {
	c.mu.Lock()
	if c.finishing || c.err != nil {
		c.mu.Unlock()
		return
	}
	c.finishLocked(grace, ErrClosed)
	c.mu.Unlock()
	c.flush()
	c.wake()
}

func (c *Conn) finishLocked(grace time.Duration, err error) {
	c.finishing, c.reason, c.corked = true, err, false
	c.timer = &Timer{}
	c.s.loop.After(c.timer, grace, func() { c.end(err) })
}

// close closes the socket and tells the handler. It is called once, by the
// goroutine that serves the connection.
func (c *Conn) close() {
	c.mu.Lock()
	for c.writing { // for microseconds; the descriptor may not become another's meanwhile
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
	}
	c.state.Store(over)
	c.queue, c.one, c.queued, c.offset = nil, [1]chunk{}, 0, 0
	err := c.err
	if c.finishing {
		err = c.reason
	}
	timer := c.timer
	c.s.remove(c)
	_ = c.t.Close()
	c.mu.Unlock()
	if timer != nil {
		c.s.loop.Stop(timer)
	}
	c.t.Guard(&closing{c, err})
}

// closing is a connection whose handler is told the end, under guard.
type closing struct {
	c   *Conn
	err error
}

func (e *closing) Run()    { e.c.h.Closed(e.err) }
func (e *closing) Failed() {}
