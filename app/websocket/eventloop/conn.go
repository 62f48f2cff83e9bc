package eventloop

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is one connection. Loop.Add initializes the zero value. A Conn must not
// be copied.
type Conn struct {
	transport Transport
	handler   Handler
	shard     *shard
	limit     int // bytes in the queue
	slot      int32
	state     atomic.Uint32 // parked, serving, …
	hangup    atomic.Bool   // epoll reported the peer's FIN or an error

	// readExhausted means that reads return nothing until the next event. It
	// belongs to the goroutine that serves the connection.
	readExhausted bool

	account          Account
	mu               sync.Mutex
	corked           bool          // Readable runs; the queue is flushed when it returns
	scheduled        bool          // the connection is in the shard's flush list
	writing          bool          // a goroutine is in TryWrite
	blocked          bool          // the socket buffer is full until the next EPOLLOUT
	blockedSince     time.Duration // since Loop.startedAt
	becameWritable   bool          // EPOLLOUT arrived during the current TryWrite
	transportPending bool          // the transport holds back bytes
	finishing        bool          // Send is refused, and received bytes are discarded
	writeClosed      bool          // CloseWrite was called
	queue            []chunk
	inline           [1]chunk // first backing array of queue; usually one chunk is enough
	offset           int      // bytes of queue[0] already written
	inFlight         int      // chunks of queue passed to the current TryWrite
	queuedBytes      int
	paused           bool   // Paused has reported true, and Readable follows when the peer has read
	charged          bool   // the queue is charged to the account: the peer does not read it at once
	err              error  // why the connection ends; nil while it lives
	finishErr        error  // reported by Closed instead of err if finishing
	finishTimer      *Timer // ends the connection if the peer does not
}

// Add registers t with the loop. h is called for its events, and up to limit
// bytes may be queued for it. The loop owns t from here on and closes it. If
// Add returns an error, the caller still owns t.
func (l *Loop) Add(c *Conn, t Transport, h Handler, limit int) error {
	s := l.shards[int(l.next.Add(1))%len(l.shards)]
	c.transport, c.handler, c.shard, c.limit = t, h, s, limit
	c.queue = c.inline[:0]
	c.state.Store(serving) // nobody may close it until it is registered
	if err := s.addConn(c); err != nil {
		return err
	}
	if err := s.register(c); err != nil {
		s.removeConn(c)
		return err
	}
	c.account.Open(s.loop.memory, c, connCost)
	c.state.Store(servingAgain) // epoll does not report what arrived before
	if !l.pool.run(task{c: c}) {
		s.removeConn(c)
		c.account.Close()
		return ErrStopped
	}
	return nil
}

// Account returns what the connection is charged for. Its handler may charge what
// it holds for the client.
func (c *Conn) Account() *Account { return &c.account }

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.transport.RemoteAddr() }

// Loop returns the loop that serves the connection.
func (c *Conn) Loop() *Loop { return c.shard.loop }

// Read reads what has arrived. Only Handler.Readable may call it. It returns
// unix.EAGAIN if nothing is left; after any other error the connection ends.
func (c *Conn) Read(p []byte) (int, error) {
	if c.readExhausted {
		return 0, unix.EAGAIN
	}
	layered := c.transport.Layered() // asked first: TryRead may return the last of what the layer holds
	n, err := c.transport.TryRead(p)
	switch {
	case err == nil:
		c.readExhausted = n < len(p) && !layered && !c.hangup.Load()
	case errors.Is(err, unix.EAGAIN):
		c.readExhausted = true
	default:
		c.uncork() // a peer that has closed its side may still read
		c.fail(err)
	}
	return n, err
}
