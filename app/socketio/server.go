package socketio

import (
	"context"
	"errors"
	"strings"
	"sync"
)

// Server is a Socket.IO server. As a Namespace it is its main one, "/". All
// methods may be called concurrently.
type Server struct {
	*Namespace
	options Options

	mu         sync.RWMutex
	namespaces map[string]*Namespace
	parents    []*ParentNamespace
	children   int
	closed     bool
	clients    int
	empty      chan struct{} // closed when the last client has gone after Close
}

// New makes a server.
func New(o Options) *Server {
	s := &Server{options: o.withDefaults(), namespaces: map[string]*Namespace{}, empty: make(chan struct{})}
	s.Namespace = s.Of("/")
	return s
}

// Of returns the namespace of a name, and makes it if there is none yet. The
// slash at the beginning may be left out.
func (s *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.namespaces[name]; n != nil {
		return n
	}
	return s.makeLocked(name, nil)
}

func (s *Server) makeLocked(name string, parent *ParentNamespace) *Namespace {
	n := &Namespace{server: s, name: name, parent: parent}
	if parent != nil {
		n.set.Store(parent.set.Load())
		s.children++
	}
	n.adapter = s.options.Adapter(n)
	s.namespaces[name] = n
	return n
}

// enter returns the namespace that a client asks for, with the client counted
// as on its way there; nil if there is none.
func (s *Server) enter(name string, auth []byte) *Namespace {
	s.mu.RLock()
	n := s.namespaces[name]
	if n != nil {
		n.joining.Add(1)
	}
	parents := s.parents
	s.mu.RUnlock()
	if n != nil {
		return n
	}
	for _, p := range parents {
		if p.match(name, auth) {
			return s.child(name, p)
		}
	}
	return nil
}

// open takes a new session.
func (s *Server) open(session link) *client {
	c := &client{server: s, session: session, timeout: new(timer)}
	s.mu.Lock()
	s.clients++
	s.mu.Unlock()
	session.After(c.timeout, s.options.ConnectTimeout, c.late)
	return c
}

// left is called when a session has ended.
func (s *Server) left(*client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients--
	if s.closed && s.clients == 0 {
		close(s.empty)
	}
}

// requestContext bounds what a connecting client makes the adapter wait for.
func (s *Server) requestContext() (context.Context, context.CancelFunc) {
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
