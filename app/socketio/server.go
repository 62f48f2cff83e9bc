package socketio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/websocket/eventloop"
)

// Server is a Socket.IO server. As a Namespace it is its main one, "/". All
// methods may be called concurrently.
type Server struct {
	*Namespace
	options         Options
	engine          *engineio.Server
	attachmentBytes atomic.Int64 // bytes of attachments that wait for the rest

	mu                   sync.RWMutex
	namespaces           map[string]*Namespace
	parents              []*ParentNamespace
	childCount           int
	newNamespaceHandlers []func(*Namespace)
	closed               bool
	clientCount          int
	drained              chan struct{} // closed when the last client has gone after Close
	stopped              chan struct{} // closed when the clients have gone, or are given up
}

// New makes a server. It starts nothing.
func New(o Options) *Server {
	s := &Server{options: o.withDefaults(), namespaces: map[string]*Namespace{}, drained: make(chan struct{}), stopped: make(chan struct{})}
	s.Namespace = s.Of("/")
	engine := s.options.Engine
	engine.Upgraded = sessionUpgraded
	engine.Open = func(session *engineio.Session) engineio.Receiver { return s.openSession(session) }
	s.engine = engineio.New(engine)
	return s
}

// Handler answers the requests of clients, whatever their path; by default
// they ask for /socket.io/.
func (s *Server) Handler(ctx *fasthttp.RequestCtx) { s.engine.Handler(ctx) }

// Engine is the Engine.IO server.
func (s *Server) Engine() *engineio.Server { return s.engine }

// Close refuses new clients and tells those that there are to go, spread over
// a time with jitter, so that they do not come back all at once. Clients take
// it as a lost connection, and come back by themselves. Then it closes the
// adapters. When ctx ends, what is left is told at once and not waited for. A
// second call does the same.
func (s *Server) Close(ctx context.Context, spread time.Duration) error {
	s.engine.Drain(ctx, spread)
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		if s.clientCount == 0 {
			close(s.drained)
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

// Of returns the namespace of a name, and makes it if there is none yet. The
// slash at the beginning may be left out.
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

// OnNewNamespace is called with each namespace that is made from then on, by Of
// or because a client asks for one that a pattern matches, before a client is
// in it.
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

// acquireNamespace returns the namespace that a client asks for, with the client counted
// as on its way there; nil if there is none.
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

// openSession takes a new session.
func (s *Server) openSession(session *engineio.Session) *client {
	c := &client{server: s, session: session, connectTimer: new(eventloop.Timer)}
	s.mu.Lock()
	s.clientCount++
	s.mu.Unlock()
	allowed := s.options.ConnectTimeout
	session.Loop().After(c.connectTimer, allowed+min(allowed/4, time.Second), c.connectTimedOut)
	return c
}

// sessionClosed is called when a session has ended.
func (s *Server) sessionClosed(*client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clientCount--
	if s.closed && s.clientCount == 0 {
		select {
		case <-s.drained: // one came in after all, and has gone
		default:
			close(s.drained)
		}
	}
}

// adapterContext bounds what a connecting client makes the adapter wait for.
func (s *Server) adapterContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.options.AckTimeout)
}

// closeAdapters ends all namespaces.
func (s *Server) closeAdapters() error {
	s.mu.RLock()
	var all []*Namespace
	for _, n := range s.namespaces {
		all = append(all, n)
	}
	s.mu.RUnlock()
	var errs []error
	for _, n := range all {
		errs = append(errs, n.adapter.Close())
	}
	return errors.Join(errs...)
}
