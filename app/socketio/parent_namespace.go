package socketio

import (
	"errors"
	"regexp"
	"slices"
)

// ParentNamespace stands for all namespaces that a pattern makes. What is
// registered with it is for the sockets of each that is made from then on.
type ParentNamespace struct {
	Handlers
	server *Server
	match  Match
}

// OfMatch makes a namespace of each name that a client asks for and match
// agrees to. match must not wait.
func (s *Server) OfMatch(match Match) *ParentNamespace {
	p := &ParentNamespace{server: s, match: match}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = append(slices.Clip(s.parents), p)
	return p
}

// OfRegexp makes a namespace of each name that a client asks for and the
// expression matches. It is not anchored.
func (s *Server) OfRegexp(re *regexp.Regexp) *ParentNamespace {
	return s.OfMatch(func(name string, _ []byte) bool { return re.MatchString(name) })
}

// ParentBroadcastOperator selects sockets of all namespaces of a pattern, and sends to
// them. It is a value, like Operator.
type ParentBroadcastOperator struct {
	p *ParentNamespace
	o BroadcastOptions
}

// To selects the members of rooms.
func (p *ParentNamespace) To(rooms ...string) ParentBroadcastOperator {
	return ParentBroadcastOperator{p: p}.To(rooms...)
}

// In is To.
func (p *ParentNamespace) In(rooms ...string) ParentBroadcastOperator { return p.To(rooms...) }

// Except selects everybody but the members of rooms.
func (p *ParentNamespace) Except(rooms ...string) ParentBroadcastOperator {
	return ParentBroadcastOperator{p: p}.Except(rooms...)
}

// Local selects this server's sockets.
func (p *ParentNamespace) Local() ParentBroadcastOperator {
	return ParentBroadcastOperator{p: p}.Local()
}

// Volatile sends to those only who can take it at once.
func (p *ParentNamespace) Volatile() ParentBroadcastOperator {
	return ParentBroadcastOperator{p: p}.Volatile()
}

// Compress is Namespace.Compress.
func (p *ParentNamespace) Compress(on bool) ParentBroadcastOperator {
	return ParentBroadcastOperator{p: p}.Compress(on)
}

// Emit sends an event to every socket of every namespace of the pattern.
func (p *ParentNamespace) Emit(event string, args ...any) error {
	return ParentBroadcastOperator{p: p}.Emit(event, args...)
}

// To adds rooms to those that are selected.
func (o ParentBroadcastOperator) To(rooms ...string) ParentBroadcastOperator {
	o.o = BroadcastOperator{o: o.o}.To(rooms...).o
	return o
}

// In is To.
func (o ParentBroadcastOperator) In(rooms ...string) ParentBroadcastOperator { return o.To(rooms...) }

// Except leaves out the members of rooms.
func (o ParentBroadcastOperator) Except(rooms ...string) ParentBroadcastOperator {
	o.o = BroadcastOperator{o: o.o}.Except(rooms...).o
	return o
}

// Local selects sockets of this server only.
func (o ParentBroadcastOperator) Local() ParentBroadcastOperator {
	o.o.Flags.Local = true
	return o
}

// Volatile sends to those only who can take it at once.
func (o ParentBroadcastOperator) Volatile() ParentBroadcastOperator {
	o.o.Flags.Volatile = true
	return o
}

// Compress is Operator.Compress.
func (o ParentBroadcastOperator) Compress(on bool) ParentBroadcastOperator {
	o.o.Flags.NoCompress = !on
	return o
}

// Emit sends an event to the selected sockets of every namespace that the
// pattern has made on this server.
func (o ParentBroadcastOperator) Emit(event string, args ...any) error {
	var errs []error
	for _, n := range o.p.Children() {
		errs = append(errs, BroadcastOperator{ns: n, o: o.o}.Emit(event, args...))
	}
	return errors.Join(errs...)
}

// Children returns the namespaces that the pattern has made.
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

// acquireChild returns the namespace of a name that a pattern has agreed to, and
// makes it if there is room for one more.
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

// evictEmptyChildLocked takes out a child namespace that nobody is in.
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

// release is called when a client has left, or did not get in.
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

// closeAdapter may wait for a network.
func (n *Namespace) closeAdapter() { _ = n.adapter.Close() }
