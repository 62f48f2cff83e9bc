package socketio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"
)

// Server is a Socket.IO server. As a Namespace it is the main one, "/". All
// methods may be called concurrently.
type Server struct {
	*Namespace
	options Options
	engine  *engineio.Server
	loop    *eventloop.Loop // nil if the caller runs Options.Engine.Loop
	guarded bool            // the caller of Handler contains its panics
	// attachmentBytes is the size of the attachments of incomplete packets.
	attachmentBytes atomic.Int64

	mu                   sync.RWMutex
	namespaces           map[string]*Namespace
	parents              []*ParentNamespace
	childCount           int
	newNamespaceHandlers []func(*Namespace)
	running, closed      bool
	clientCount          int
	drained              chan struct{} // closed when the last client has disconnected after Close
	stopped              chan struct{} // closed when Close no longer waits for clients
}

// NewServer returns a server. Its Handler can be mounted in any
// fasthttp.Server, and in app/cluster. NewServer starts no goroutine: Run
// serves the clients. Close releases a server that never runs.
func NewServer(o Options) (*Server, error) {
	s := &Server{options: o.withDefaults(), namespaces: map[string]*Namespace{}, drained: make(chan struct{}), stopped: make(chan struct{})}
	engine := &s.options.Engine
	if engine.Loop == nil {
		loop, err := eventloop.New(eventloop.Options{})
		if err != nil {
			return nil, fmt.Errorf("event loop: %w", err)
		}
		engine.Loop, s.loop = loop, loop
	}
	if s.guarded = engine.Detach != nil; !s.guarded {
		engine.Detach = s.detach
	}
	if engine.Await == nil {
		engine.Await = newWait
	}
	s.Namespace = s.Of("/")
	own := *engine
	own.Upgraded = sessionUpgraded
	own.Open = s.openSession
	s.engine = engineio.New(own)
	return s, nil
}

// Handler answers the requests of clients, on whatever path it is mounted; by
// default clients use /socket.io/, and browsers load the client from
// /socket.io/socket.io.js. Panics are contained, by the cluster or by Handler.
func (s *Server) Handler(ctx *fasthttp.RequestCtx) {
	if file := s.requestedClientFile(ctx); file != nil {
		s.engine.CORS(ctx) // a browser checks the result, as with Node.js
		file.serve(ctx)
		return
	}
	if s.guarded || cluster.Detachable(ctx) {
		s.engine.Handler(ctx)
		return
	}
	containPanic(func() { s.engine.Handler(ctx) }, func() {
		ctx.Error("internal server error", fasthttp.StatusInternalServerError)
	}, s.options.Panicked)
}

// Engine returns the Engine.IO server.
func (s *Server) Engine() *engineio.Server { return s.engine }

// EngineOptions returns the options of the Engine.IO server, with Loop, Detach
// and Await set. Other Engine.IO or WebSocket endpoints of the program can
// share them.
func (s *Server) EngineOptions() engineio.Options { return s.options.Engine }

// Run serves clients until ctx ends. Then it closes the server, within
// Options.ShutdownTimeout, and returns when all goroutines of the server have
// ended. It can be called once, and not after Close. If Options.Engine.Loop is
// set, the caller runs that loop and ends it after Run.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	again := s.running || s.closed
	s.running = true
	s.mu.Unlock()
	if again {
		return ErrClosed
	}
	loopCtx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	loopEnded := make(chan error, 1)
	go func() {
		if s.loop != nil {
			loopEnded <- s.loop.Run(loopCtx)
			return
		}
		<-loopCtx.Done()
		loopEnded <- nil
	}()
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-loopEnded:
		loopEnded <- nil
	}
	closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.ShutdownTimeout)
	defer cancel()
	err := s.Close(closeCtx)
	stopLoop()
	return errors.Join(failed, err, <-loopEnded)
}

// Close refuses new clients, disconnects the others over
// Options.ShutdownSpread, waits for them and closes the adapters. To clients it
// is a lost connection, so they reconnect. When ctx ends, the remaining clients
// are disconnected at once, without waiting for them. Run continues until its
// own context ends, so the event loop still serves other endpoints of the
// program. Close may be called repeatedly.
func (s *Server) Close(ctx context.Context) error {
	s.engine.Drain(ctx, s.options.ShutdownSpread)
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		if s.clientCount == 0 {
			close(s.drained)
		}
		if s.loop != nil && !s.running {
			s.loop.Close()
		}
	}
	s.mu.Unlock()
	var err error
	select {
	case <-s.drained:
	case <-ctx.Done():
		err = fmt.Errorf("close clients: %w", ctx.Err())
	}
	s.mu.Lock()
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
	s.mu.Unlock()
	return errors.Join(err, s.closeAdapters())
}

// Of returns the namespace with a name, and creates it if necessary. The
// leading slash may be omitted.
func (s *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	s.mu.Lock()
	if n := s.namespaces[name]; n != nil {
		s.mu.Unlock()
		return n
	}
	n := s.createNamespaceLocked(name, nil)
	s.mu.Unlock()
	s.runNewNamespaceHandlers(n)
	return n
}

// OnNewNamespace is called with each namespace created from then on, by Of or
// by a pattern, before a client connects to it.
func (s *Server) OnNewNamespace(f func(*Namespace)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newNamespaceHandlers = appended(s.newNamespaceHandlers, f)
}

func (s *Server) runNewNamespaceHandlers(n *Namespace) {
	s.mu.RLock()
	made := s.newNamespaceHandlers
	s.mu.RUnlock()
	for _, f := range made {
		s.options.Guard(func() { f(n) }, func() {})
	}
}

func (s *Server) createNamespaceLocked(name string, parent *ParentNamespace) *Namespace {
	n := &Namespace{server: s, name: name, parent: parent}
	n.BroadcastOperator = BroadcastOperator{ns: n}
	if parent != nil {
		n.set.Store(parent.set.Load())
		s.childCount++
	}
	n.adapter = s.options.Adapter(n)
	if s.closed {
		_ = n.adapter.Close()
	}
	s.namespaces[name] = n
	return n
}

// acquireNamespace returns the namespace that a client asks for, with one
// client reference; nil if there is none.
func (s *Server) acquireNamespace(name string, auth []byte) *Namespace {
	s.mu.RLock()
	n := s.namespaces[name]
	if n != nil {
		n.clientRefs.Add(1)
	}
	parents := s.parents
	s.mu.RUnlock()
	if n != nil {
		return n
	}
	for _, p := range parents {
		if p.match(name, auth) {
			return s.acquireChild(name, p)
		}
	}
	return nil
}

// openSession returns the receiver of a new session.
func (s *Server) openSession(session *engineio.Session) engineio.Receiver {
	c := &client{server: s, session: session}
	s.mu.Lock()
	s.clientCount++
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.startConnectTimeoutLocked()
	return c
}

// sessionClosed is called when a session has ended.
func (s *Server) sessionClosed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clientCount--
	if s.closed && s.clientCount == 0 {
		select {
		case <-s.drained: // a client connected during Close
		default:
			close(s.drained)
		}
	}
}

// closeAdapters closes the adapters of all namespaces.
func (s *Server) closeAdapters() error {
	s.mu.RLock()
	all := slices.Collect(maps.Values(s.namespaces))
	s.mu.RUnlock()
	var errs []error
	for _, n := range all {
		errs = append(errs, n.adapter.Close())
	}
	return errors.Join(errs...)
}
