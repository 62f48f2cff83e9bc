package socketio

import (
	"errors"
	"regexp"
	"slices"
)

// ParentNamespace represents all namespaces that a pattern creates. Its
// handlers apply to the namespaces created after their registration. The
// methods of its ParentBroadcastOperator select all sockets of them.
type ParentNamespace struct {
	Handlers
	ParentBroadcastOperator
	server *Server
	match  Match
}

// OfMatch creates a namespace for each name that a client asks for and match
// accepts. match must not block.
func (s *Server) OfMatch(match Match) *ParentNamespace {
	p := &ParentNamespace{server: s, match: match}
	p.ParentBroadcastOperator = ParentBroadcastOperator{p: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = append(slices.Clip(s.parents), p)
	return p
}

// OfRegexp creates a namespace for each name that a client asks for and that
// re matches. The expression is not anchored.
func (s *Server) OfRegexp(re *regexp.Regexp) *ParentNamespace {
	return s.OfMatch(func(name string, _ []byte) bool { return re.MatchString(name) })
}

// ParentBroadcastOperator selects sockets of all namespaces of a pattern. It
// is a value, like BroadcastOperator.
type ParentBroadcastOperator struct {
	p *ParentNamespace
	o BroadcastOptions
}

// To adds rooms to the selection.
func (o ParentBroadcastOperator) To(rooms ...string) ParentBroadcastOperator {
	o.o = BroadcastOperator{o: o.o}.To(rooms...).o
	return o
}

// In is To.
func (o ParentBroadcastOperator) In(rooms ...string) ParentBroadcastOperator { return o.To(rooms...) }

// Except excludes the members of rooms.
func (o ParentBroadcastOperator) Except(rooms ...string) ParentBroadcastOperator {
	o.o = BroadcastOperator{o: o.o}.Except(rooms...).o
	return o
}

// Local restricts the selection to this server.
func (o ParentBroadcastOperator) Local() ParentBroadcastOperator {
	o.o.Flags.Local = true
	return o
}

// Volatile skips sockets whose transport cannot send at once.
func (o ParentBroadcastOperator) Volatile() ParentBroadcastOperator {
	o.o.Flags.Volatile = true
	return o
}

// Compress is BroadcastOperator.Compress.
func (o ParentBroadcastOperator) Compress(on bool) ParentBroadcastOperator {
	o.o.Flags.NoCompress = !on
	return o
}

// Emit sends an event to the selected sockets of every namespace that the
// pattern has created on this server.
func (o ParentBroadcastOperator) Emit(event string, args ...any) error {
	var errs []error
	for _, n := range o.p.Children() {
		errs = append(errs, BroadcastOperator{ns: n, o: o.o}.Emit(event, args...))
	}
	return errors.Join(errs...)
}

// Children returns the namespaces that the pattern has created and not
// removed.
func (p *ParentNamespace) Children() []*Namespace {
	p.server.mu.RLock()
	defer p.server.mu.RUnlock()
	var children []*Namespace
	for _, n := range p.server.namespaces {
		if n.parent == p {
			children = append(children, n)
		}
	}
	return children
}

// acquireChild returns the namespace with a name that p has accepted, with one
// client reference, and creates it if MaxChildNamespaces permits. nil means
// that it does not.
func (s *Server) acquireChild(name string, p *ParentNamespace) *Namespace {
	s.mu.Lock()
	n := s.namespaces[name]
	var evicted *Namespace
	known := n != nil
	if n == nil && !s.closed {
		if s.childCount >= s.options.MaxChildNamespaces {
			evicted = s.evictEmptyChildLocked()
		}
		if s.childCount < s.options.MaxChildNamespaces {
			n = s.createNamespaceLocked(name, p)
		}
	}
	if n != nil {
		n.clientRefs.Add(1)
	}
	s.mu.Unlock()
	if evicted != nil {
		_ = evicted.adapter.Close()
	}
	if n != nil && !known {
		s.runNewNamespaceHandlers(n)
	}
	return n
}

// evictEmptyChildLocked removes and returns a child namespace without clients,
// nil if there is none.
func (s *Server) evictEmptyChildLocked() *Namespace {
	for name, n := range s.namespaces {
		if n.parent != nil && n.clientRefs.Load() == 0 {
			delete(s.namespaces, name)
			s.childCount--
			return n
		}
	}
	return nil
}

// release is called when a client has left the namespace or was not admitted.
func (n *Namespace) release(c *client) {
	if n.clientRefs.Add(-1) > 0 || n.parent == nil || !n.server.options.CleanupEmptyChildNamespaces {
		return
	}
	s := n.server
	s.mu.Lock()
	empty := n.clientRefs.Load() == 0 && s.namespaces[n.name] == n
	if empty {
		delete(s.namespaces, n.name)
		s.childCount--
	}
	s.mu.Unlock()
	if empty && !c.session.Loop().Go(n.closeAdapter) {
		n.closeAdapter()
	}
}

// closeAdapter may wait for the network.
func (n *Namespace) closeAdapter() { _ = n.adapter.Close() }
