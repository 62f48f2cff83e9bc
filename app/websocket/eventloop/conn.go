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
	parked       = iota // nobody does
	serving             // a goroutine does
	servingAgain        // and has to look once more
	closed              // it is closed, or is being closed
)

// Conn is one connection. The zero value is made ready by Loop.Add; it must
// not be copied.
type Conn struct {
	transport Transport
	handler   Handler
	shard     *shard
	limit     int
	slot      int32
	state     atomic.Uint32
	// hangup says that an end may follow what a read returns.
	hangup atomic.Bool

	// drained says that nothing is left to read until the next event. The
	// goroutine that serves the connection owns it.
	readExhausted bool

	mu               sync.Mutex
	corked           bool          // its handler is at work, and flushes when it is done
	scheduled        bool          // it is in the shard's list
	writing          bool          // somebody is in TryWrite
	blocked          bool          // nothing fits until the kernel says so
	blockedSince     time.Duration // when that began, from the loop's begin
	becameWritable   bool          // the kernel said so during the present TryWrite
	transportPending bool          // the transport holds back bytes that have not left
	finishing        bool          // nothing more is sent, and what arrives is thrown away
	writeClosed      bool          // our side is closed
	queue            []chunk
	inline           [1]chunk // the queue's first array: most often one is enough
	offset           int      // how much of queue[0] has left
	inFlight         int      // how many of queue are with TryWrite
	queuedBytes      int      // bytes
	err              error    // why it ends
	finishErr        error    // why it finishes
	finishTimer      *Timer   // ends it while finishing
}

// Add watches t, tells h what happens, and lets limit bytes wait to be sent.
// From here on t belongs to the loop, which closes it; on an error it stays
// the caller's.
func (l *Loop) Add(c *Conn, t Transport, h Handler, limit int) error {
	s := l.shards[int(l.next.Add(1))%len(l.shards)]
	c.transport, c.handler, c.shard, c.limit = t, h, s, limit
	c.queue = c.inline[:0]
	c.state.Store(serving) // until it is in the set, nobody may close it
	if err := s.addConn(c); err != nil {
		return err
	}
	if err := s.register(c); err != nil {
		s.removeConn(c)
		return err
	}
	c.state.Store(servingAgain) // what has arrived before is not reported
	if !l.pool.run(task{c: c}) {
		s.removeConn(c)
		return ErrStopped
	}
	return nil
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.transport.RemoteAddr() }

// Loop is the loop that the connection was added to.
func (c *Conn) Loop() *Loop { return c.shard.loop }

// Read reads what has arrived. It is for Handler.Readable only. unix.EAGAIN
// says that nothing is left; after any other error the connection ends.
func (c *Conn) Read(p []byte) (int, error) {
	if c.readExhausted {
		return 0, unix.EAGAIN
	}
	layered := c.transport.Layered() // before it may give out the last of what it holds
	n, err := c.transport.TryRead(p)
	switch {
	case err == nil:
		c.readExhausted = n < len(p) && !layered && !c.hangup.Load()
	case errors.Is(err, unix.EAGAIN):
		c.readExhausted = true
	default:
		c.uncork() // who has ended its side may still read
		c.fail(err)
	}
	return n, err
}

// happened is told the kernel's events.
func (c *Conn) onEvents(events uint32) {
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.hangup.Store(true)
	}
	if events&unix.EPOLLOUT != 0 {
		c.onWritable()
	}
	if events&^unix.EPOLLOUT != 0 {
		c.wake()
	}
}

// wake has a goroutine look at the connection.
func (c *Conn) wake() {
	for {
		switch state := c.state.Load(); state {
		case parked:
			if c.state.CompareAndSwap(parked, serving) {
				if !c.shard.loop.pool.run(task{c: c}) {
					c.serve() // the loop is ending, and so is the connection
				}
				return
			}
		case serving:
			if c.state.CompareAndSwap(serving, servingAgain) {
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
		c.readExhausted = false
		if c.closeErr() == nil && !c.transport.Guard((*readTask)(c)) {
			return // Failed has seen to the rest
		}
		c.uncork()
		if c.closeErr() != nil {
			c.close()
			return
		}
		if c.state.CompareAndSwap(serving, parked) {
			return
		}
	}
}

// reading is a connection being read, under guard.
type readTask Conn

func (r *readTask) Run() {
	c := (*Conn)(r)
	c.mu.Lock()
	finishing := c.finishing
	c.corked = !finishing
	c.mu.Unlock()
	if finishing {
		c.discard()
		return
	}
	c.handler.Readable(c)
}

// Failed ends a connection whose handler panicked. After runtime.Goexit no
// other code of ours runs on the goroutine any more.
func (r *readTask) Failed() {
	c := (*Conn)(r)
	defer func() {
		if v := recover(); v != nil {
			c.fail(ErrHandlerFailed)
		}
		c.uncork()
		c.closeFailed(ErrHandlerFailed)
	}()
	c.handler.Failed(c)
}

// settle lets a failed connection send its last words, or closes it.
func (c *Conn) closeFailed(err error) {
	c.mu.Lock()
	lingers := c.finishing && c.err == nil
	c.mu.Unlock()
	if !lingers {
		c.fail(err)
		c.close()
		return
	}
	c.state.Store(parked)
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
func (c *Conn) closeErr() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// end notes why the connection ends and has it closed. What waits is not sent.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		if c.state.Load() != closed { // its goroutine may be anywhere: the peer shall know now
			_ = unix.Shutdown(c.transport.Descriptor(), unix.SHUT_RDWR)
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
	c.fail(err)
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
	c.finishing, c.finishErr, c.corked = true, err, false
	c.finishTimer = &Timer{}
	c.shard.loop.SetTimer(c.finishTimer, grace, func() { c.fail(err) })
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
	c.state.Store(closed)
	c.queue, c.inline, c.queuedBytes, c.offset = nil, [1]chunk{}, 0, 0
	err := c.err
	if c.finishing {
		err = c.finishErr
	}
	timer := c.finishTimer
	c.shard.removeConn(c)
	_ = c.transport.Close()
	c.mu.Unlock()
	if timer != nil {
		c.shard.loop.StopTimer(timer)
	}
	c.transport.Guard(&closeTask{c, err})
}

// closing is a connection whose handler is told the end, under guard.
type closeTask struct {
	c   *Conn
	err error
}

func (e *closeTask) Run()    { e.c.handler.Closed(e.err) }
func (e *closeTask) Failed() {}
