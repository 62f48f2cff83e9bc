package cluster

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Supervisor owns the listening sockets and the workers behind them. New makes
// one. It is used once: Listen, then Run, or Close instead of Run.
type Supervisor struct {
	opts Options

	// calls are functions that the goroutine of Run executes.
	calls chan func()
	wake  chan struct{}
	ready chan struct{}
	done  chan struct{}

	// The goroutine of Run owns the fields up to foreignListeners. Until Run is
	// called, Listen and Close use them under lifecycleMu.
	sockets   []*socket
	slots     []*slot // those up to wanted have workers
	wanted    int
	requested int       // by Options.Workers or Scale; 0 follows GOMAXPROCS
	draining  []*worker // replaced generations that have not ended
	gaveUp    error
	pending   []Event // for deliver
	// foreignCheckedAt is when the port was last checked for foreign
	// listeners, in nanos, and foreignListeners is how many there were.
	foreignCheckedAt int64
	foreignListeners int

	lifecycleMu sync.Mutex
	closed      bool
	stopRun     context.CancelFunc // not nil once Run has been called

	// The fields below may be used by any goroutine.
	addr             atomic.Pointer[net.TCPAddr]
	clock            clock
	pool             *goroutinePool
	limiter          *connLimiter
	streams          sync.WaitGroup // the writers of StreamBody
	lingerTime       time.Duration  // defaultLingerTime, except in tests
	sessions         registry
	shuttingDown     atomic.Bool
	sessionsNotified atomic.Bool
	running          atomic.Int64 // workers that accept connections
	total            atomic.Int64 // workers that should
}

// New returns a Supervisor for o. It opens and starts nothing.
func New(o Options) (*Supervisor, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Supervisor{
		opts:      o,
		requested: o.Workers,
		calls:     make(chan func()),
		wake:      make(chan struct{}, 1),
		ready:     make(chan struct{}),
		done:      make(chan struct{}),
		pool:      newGoroutinePool(),
		limiter:   newConnLimiter(o.Limits),

		lingerTime: defaultLingerTime,
	}, nil
}

// Listen opens the sockets, so that a program learns early whether the port is
// free. Clients can connect from then on; they wait until Run serves them. Run
// calls Listen itself if the program has not. A second call does nothing.
//
// The error is a *PortInUseError if another program listens on the port, and
// ErrStopped after Run or Close. ctx bounds the lookup of the host.
func (s *Supervisor) Listen(ctx context.Context) error {
	s.lifecycleMu.Lock()
	defer s.lifecycleMu.Unlock()
	if s.closed || s.stopRun != nil {
		return ErrStopped
	}
	return s.listen(ctx)
}

func (s *Supervisor) listen(ctx context.Context) error {
	if len(s.sockets) > 0 {
		return nil
	}
	s.updateWanted()
	var err error
	if len(s.opts.Inherited) > 0 {
		err = s.inheritSockets()
	} else {
		s.sockets, err = openSockets(ctx, s.opts.Host, s.opts.Port, s.wanted)
	}
	if err != nil {
		return err
	}
	addr, err := s.sockets[0].addr()
	s.addr.Store(net.TCPAddrFromAddrPort(addr))
	return err
}

func (s *Supervisor) inheritSockets() error {
	for _, f := range s.opts.Inherited {
		sock, err := inheritSocket(f)
		if err != nil {
			closeSockets(s.sockets)
			s.sockets = nil
			return err
		}
		s.sockets = append(s.sockets, sock)
	}
	return nil
}

// Addr returns the address of the first socket; nil before Listen.
func (s *Supervisor) Addr() net.Addr {
	if addr := s.addr.Load(); addr != nil {
		return addr
	}
	return nil
}

// Ready is closed once every worker accepts connections.
func (s *Supervisor) Ready() <-chan struct{} { return s.ready }

// Draining reports whether the shutdown has begun.
func (s *Supervisor) Draining() bool { return s.shuttingDown.Load() }

// Workers returns how many workers accept connections and how many should.
func (s *Supervisor) Workers() (running, total int) {
	return int(s.running.Load()), int(s.total.Load())
}

// Close releases a Supervisor that will not run: it closes the sockets, and
// Listen and Run return ErrStopped from then on. Connections that wait in the
// queues are reset, except in those of inherited sockets.
//
// While Run runs, Close makes it shut down as if its context had ended, and
// does not wait for it. After that, and when called again, it does nothing.
// The error is always nil.
func (s *Supervisor) Close() error {
	s.lifecycleMu.Lock()
	defer s.lifecycleMu.Unlock()
	if s.stopRun != nil {
		s.stopRun()
		return nil
	}
	s.closed = true
	closeSockets(s.sockets)
	s.sockets = nil
	for _, f := range s.opts.Inherited {
		_ = f.Close() // Listen may have closed it already
	}
	return nil
}

// Run serves until ctx ends or Close is called. Then it shuts down as
// Options.Shutdown says, and returns when everything that it started has ended
// or was cut off. The error is nil after an orderly shutdown, ErrGaveUp if the
// workers could not be kept alive, ErrStopped if Run or Close was called
// before, and that of Listen if the sockets could not be opened.
func (s *Supervisor) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.claimRun(cancel) {
		return ErrStopped
	}
	defer close(s.done)
	if err := s.listen(ctx); err != nil {
		return err
	}
	s.clock.now.Store(nanos())
	var ticking sync.WaitGroup
	defer ticking.Wait()
	stopClock := make(chan struct{})
	defer close(stopClock)
	ticking.Go(func() { s.clock.run(stopClock) })
	if ctx.Err() == nil {
		s.attachSteering()
		s.step()
		s.emit(SupervisorStarted{Workers: s.wanted})
		s.deliver()
		close(s.ready)
		s.supervise(ctx.Done())
	}
	s.shutdown()
	return s.gaveUp
}

// claimRun makes the caller the only one that runs s, and reports false if Run
// or Close was called before.
func (s *Supervisor) claimRun(cancel context.CancelFunc) bool {
	s.lifecycleMu.Lock()
	defer s.lifecycleMu.Unlock()
	if s.closed || s.stopRun != nil {
		return false
	}
	s.stopRun = cancel
	return true
}

// supervise keeps the workers alive until stop is closed or s gives up.
func (s *Supervisor) supervise(stop <-chan struct{}) {
	watchdog := time.NewTicker(min(max(s.opts.Watchdog.StallAfter/4, 10*time.Millisecond), time.Second))
	defer watchdog.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for s.gaveUp == nil {
		due.Reset(s.step())
		s.deliver()
		select {
		case <-stop:
			return
		case call := <-s.calls:
			call()
		case <-s.wake:
		case <-due.C:
		case <-watchdog.C:
			s.runWatchdog()
		}
	}
}

// wakeUp makes the goroutine of Run take another step. It never blocks.
func (s *Supervisor) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// call executes f in the goroutine of Run and waits until it has returned.
func (s *Supervisor) call(f func()) error {
	if !s.runCalled() {
		return ErrStopped // no goroutine would answer
	}
	returned := make(chan struct{})
	select {
	case s.calls <- func() { f(); close(returned) }:
		<-returned
		return nil
	case <-s.done:
		return ErrStopped
	}
}

func (s *Supervisor) runCalled() bool {
	s.lifecycleMu.Lock()
	defer s.lifecycleMu.Unlock()
	return s.stopRun != nil
}

// addSession makes the process the owner of a connection that has left HTTP.
func (s *Supervisor) addSession(c *conn) {
	if !c.detaching {
		if _, err := c.poll(); err != nil { // several goroutines may use it from now on
			return // the handler has closed it
		}
	}
	c.worker.conns.remove(c)
	c.worker.wakeIfDrained()
	s.sessions.add(c)
}

// releaseConn removes a closed connection from the registries and counts.
func (s *Supervisor) releaseConn(c *conn) {
	s.limiter.release(c.peer.Addr(), c.exempt)
	if c.registry == &s.sessions {
		if s.sessions.remove(c) == 0 && s.shuttingDown.Load() {
			s.wakeUp()
		}
		return
	}
	c.worker.conns.remove(c)
	c.worker.wakeIfDrained()
}

// wakeIfDrained wakes the supervisor when a draining worker has no connection
// left.
func (w *worker) wakeIfDrained() {
	if w.draining.Load() && w.conns.len() == 0 {
		w.sup.wakeUp()
	}
}
