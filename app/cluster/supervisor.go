package cluster

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// reservedConns are accepted beyond Options.MaxConns, for probes.
const reservedConns = 64

// Supervisor owns the listening sockets and the workers behind them. It is
// made by New and used once: Listen, then Run.
type Supervisor struct {
	opts Options

	// calls are run by the goroutine of Run, which owns all state that is not
	// said to be shared.
	calls chan func()
	wake  chan struct{}
	ready chan struct{}
	done  chan struct{}

	sockets   []*socket
	slots     []*slot // the first wanted ones have workers
	wanted    int
	requested int // what Options.Workers or Scale asked for; 0 follows GOMAXPROCS
	draining  []*worker
	gaveUp    error
	addr      net.Addr

	// looked is when the port was last looked at for strangers, in nanos.
	foreignCheckedAt int64
	foreignListeners int

	// Shared from here on.
	clock            clock
	pool             *goroutinePool
	streams          sync.WaitGroup
	sessions         registry
	shuttingDown     atomic.Bool
	sessionsNotified atomic.Bool // sessions are being sent away
	conns            atomic.Int64
	running          atomic.Int64
	total            atomic.Int64
	refused          atomic.Uint64
	addrs            map[netip.Addr]int
	addrsMu          sync.Mutex
	startedRun       atomic.Bool
}

// New checks the options. It opens and starts nothing.
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
		addrs:     map[netip.Addr]int{},
	}, nil
}

// Listen opens the sockets, so that a taken port is known before anything else
// is set up; clients that connect wait until Run serves them. The error is a
// *PortInUseError where somebody else has the port. Without Listen, Run does
// it. ctx bounds looking up the host. It must not be called concurrently with Run.
func (s *Supervisor) Listen(ctx context.Context) error {
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
	s.addr = net.TCPAddrFromAddrPort(addr)
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

// Addr is the address that is listened on; nil before Listen.
func (s *Supervisor) Addr() net.Addr { return s.addr }

// Ready is closed once every worker accepts connections.
func (s *Supervisor) Ready() <-chan struct{} { return s.ready }

// Draining reports whether shutdown has begun.
func (s *Supervisor) Draining() bool { return s.shuttingDown.Load() }

// Workers returns how many workers accept connections, and how many should.
func (s *Supervisor) Workers() (running, total int) {
	return int(s.running.Load()), int(s.total.Load())
}

// Run serves until ctx ends and then shuts down as Options say; it returns
// when everything that it started has ended or was cut off. The error is nil
// after an orderly end, ErrGaveUp when the workers could not be kept alive,
// and that of Listen if it could not start.
func (s *Supervisor) Run(ctx context.Context) error {
	if s.startedRun.Swap(true) {
		return ErrStopped
	}
	defer close(s.done)
	if err := s.Listen(ctx); err != nil {
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
		s.observe(Event{Kind: SupervisorStarted, Count: s.wanted})
		close(s.ready)
		s.supervise(ctx.Done())
	}
	s.shutdown()
	return s.gaveUp
}

// supervise keeps the workers alive until stop is closed or it has to give up.
func (s *Supervisor) supervise(stop <-chan struct{}) {
	watch := time.NewTicker(min(max(s.opts.StallAfter/4, 10*time.Millisecond), time.Second))
	defer watch.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for s.gaveUp == nil {
		due.Reset(s.step())
		select {
		case <-stop:
			return
		case f := <-s.calls:
			f()
		case <-s.wake:
		case <-due.C:
		case <-watch.C:
			s.runWatchdog()
		}
	}
}

// wakeUp has the goroutine of Run look at the workers again. It never blocks.
func (s *Supervisor) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// call runs f in the goroutine of Run and waits for it.
func (s *Supervisor) call(f func()) error {
	if !s.startedRun.Load() {
		return ErrStopped // nobody would answer
	}
	ran := make(chan struct{})
	select {
	case s.calls <- func() { f(); close(ran) }:
		<-ran
		return nil
	case <-s.done:
		return ErrStopped
	}
}

// admit counts a new connection in. over names the limit it is beyond; beyond
// the reserve as well it is refused and not counted.
func (s *Supervisor) admitConn(addr netip.Addr, exempt bool) (over string, refuse bool) {
	n := s.conns.Add(1)
	if n > int64(s.opts.MaxConns) {
		over = "connections of the process"
		refuse = n > int64(s.opts.MaxConns+reservedConns)
	}
	if !refuse && !exempt {
		s.addrsMu.Lock()
		if held := s.addrs[addr]; held >= s.opts.MaxConnsPerAddr {
			over = "connections of one address"
			refuse = held >= s.opts.MaxConnsPerAddr+reservedConns
		}
		if !refuse {
			s.addrs[addr]++
		}
		s.addrsMu.Unlock()
	}
	if refuse {
		s.conns.Add(-1)
		s.refused.Add(1)
	}
	return over, refuse
}

// adopt makes the process the owner of a connection that has left HTTP.
func (s *Supervisor) addSession(c *conn) {
	if !c.detaching {
		if _, err := c.poll(); err != nil { // from now on more than one goroutine may use it
			return // the handler has closed it
		}
	}
	c.worker.conns.remove(c)
	c.worker.conns.wakeIfDrained(c.worker)
	s.sessions.add(c)
}

// forget counts a closed connection out.
func (s *Supervisor) releaseConn(c *conn) {
	if !c.exempt {
		s.addrsMu.Lock()
		if s.addrs[c.peer.Addr()]--; s.addrs[c.peer.Addr()] <= 0 {
			delete(s.addrs, c.peer.Addr())
		}
		s.addrsMu.Unlock()
	}
	s.conns.Add(-1)
	if c.registry == &s.sessions {
		if s.sessions.remove(c) == 0 && s.shuttingDown.Load() {
			s.wakeUp()
		}
		return
	}
	c.worker.conns.remove(c)
	c.worker.conns.wakeIfDrained(c.worker)
}

// wakeIfEmpty tells the supervisor that a draining worker may have finished.
func (r *registry) wakeIfDrained(w *worker) {
	if w.draining.Load() && r.len() == 0 {
		w.sup.wakeUp()
	}
}
