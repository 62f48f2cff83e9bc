package eventloop

// States of a connection. A connection is served by at most one goroutine.
const (
	parked       = iota // no goroutine serves it
	serving             // a goroutine serves it
	servingAgain        // that goroutine must check again: an event came meanwhile
	closed              // it is being closed, or is closed
)

// wake makes a goroutine serve the connection.
func (c *Conn) wake() {
	for {
		switch state := c.state.Load(); state {
		case parked:
			if c.state.CompareAndSwap(parked, serving) {
				if !c.shard.loop.pool.run(task{c: c}) {
					c.serve() // the loop is stopping, so this only closes the connection
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

// serve calls the handler until nothing is left to read, then parks or closes
// the connection.
func (c *Conn) serve() {
	for {
		c.state.Store(serving)
		c.readExhausted = false
		if c.closeErr() == nil && !c.transport.Guard((*readTask)(c)) {
			return // readTask.Failed has parked or closed it
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

// readTask reads from a connection, under Transport.Guard.
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

// Failed ends a connection whose handler panicked. After runtime.Goexit this
// is the last code of the package that runs on the goroutine, so it must
// complete what serve would have done.
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

// closeFailed closes a connection whose handler failed, unless the handler has
// called Finish.
func (c *Conn) closeFailed(err error) {
	c.mu.Lock()
	finishing := c.finishing && c.err == nil
	c.mu.Unlock()
	if !finishing {
		c.fail(err)
		c.close()
		return
	}
	c.state.Store(parked)
	c.wake() // unread bytes may be left whose event is already consumed
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
