package live

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/websocket"
)

// Server holds the rooms and the sessions of one process. New makes one, Run runs
// it.
//
// Run starts four goroutines (the broker, resyncs, heartbeats and flushes) and
// returns after all have ended. One that panics is started again. Sessions have no
// goroutine: the event loop and the Socket.IO server call them.
//
// Locks are acquired in this order: roomsMu, then the hub's, a hub room's, and the
// cache's. flush asks the hub for members with the cache locked; that is safe
// because only a holder of roomsMu joins rooms. All other mutexes protect a few
// fields each, and nothing is locked while one of them is held.
type Server struct {
	options   Options
	conn      *ConnOptions // nil if no clients are served
	upgrader  *websocket.Upgrader
	hub       *hub.Hub
	cache     *latestCache
	admission admission
	socketIO  socketIO
	counters  counters
	heartbeat heartbeat
	running   atomic.Bool
	wakeCh    chan struct{} // capacity 1; wakes the flush loop

	// roomsMu makes sending a frame and recording what it contained one step, so
	// that a snapshot fits exactly between two frames. It is never held while
	// waiting for the store or a client.
	roomsMu  sync.Mutex
	rooms    map[string]*roomState // by name
	retained retained
	epoch    uint64 // number of flushes and resyncs
	closed   bool

	endedMu sync.Mutex
	ended   []*session // sessions that reap removes from their rooms

	staleMu sync.Mutex
	stale   map[string]bool // rooms to resync
	staleCh chan struct{}   // capacity 1; wakes the resync loop
}

// New returns a Server without sessions. It starts nothing.
func New(o Options) (*Server, error) {
	if o.Latest == nil || o.Keys == nil {
		return nil, errors.New("live: Latest and Keys are required")
	}
	o.setDefaults()
	s := &Server{
		options: o, cache: newLatestCache(o.Placement), rooms: map[string]*roomState{}, retained: newRetained(),
		wakeCh: make(chan struct{}, 1), stale: map[string]bool{}, staleCh: make(chan struct{}, 1),
	}
	s.admission.init(o.Limits)
	s.heartbeat.init(o.Heartbeat)
	s.hub = hub.New(hub.Options{
		Broker: o.Broker, OnMessage: s.onMessage, OnGap: s.markStale, OnInterest: s.onInterest, OnState: o.OnBrokerState,
	})
	if o.Conn.Loop == nil {
		return s, nil
	}
	if err := o.Conn.setDefaults(); err != nil {
		return nil, err
	}
	s.conn = &o.Conn
	s.admission.boundBy(o.Conn.Loop.Memory())
	s.upgrader = s.newUpgrader()
	if err := s.newSocketIO(); err != nil {
		return nil, err
	}
	return s, nil
}

// Run sends events until ctx ends. Then it sends the last changes and returns the
// error of the broker. After it has returned nothing is sent any more. A second
// call returns hub.ErrRunning.
func (s *Server) Run(ctx context.Context) error {
	if s.running.Swap(true) {
		return hub.ErrRunning
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var err error
	wg.Go(func() { s.guard(func() { err = s.hub.Run(ctx) }) })
	wg.Go(func() { s.keepRunning(ctx, s.runResync) })
	wg.Go(func() { s.keepRunning(ctx, func(ctx context.Context) { s.heartbeat.run(ctx, s.guard) }) })
	s.keepRunning(ctx, s.runFlush)
	s.roomsMu.Lock()
	s.flushLocked()
	s.closed = true
	s.roomsMu.Unlock()
	cancel()
	wg.Wait()
	return err
}

// keepRunning calls loop until ctx ends, again after each panic.
func (s *Server) keepRunning(ctx context.Context, loop func(context.Context)) {
	for ctx.Err() == nil {
		s.guard(func() { loop(ctx) })
		select {
		case <-ctx.Done():
		case <-time.After(s.options.Interval):
		}
	}
}

// guard calls f, and recovers and reports a panic of it.
func (s *Server) guard(f func()) {
	returned := false
	defer func() {
		if !returned {
			s.options.OnPanic(recover(), debug.Stack())
		}
	}()
	f()
	returned = true
}
