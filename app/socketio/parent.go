package socketio

import (
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

// Emit sends an event to every socket of every namespace of the pattern.
func (p *ParentNamespace) Emit(event string, args ...any) error {
	for _, n := range p.Children() {
		if err := n.Emit(event, args...); err != nil {
			return err
		}
	}
	return nil
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

// child returns the namespace of a name that a pattern has agreed to, and
// makes it if there is room for one more.
func (s *Server) child(name string, p *ParentNamespace) *Namespace {
	s.mu.Lock()
	n := s.namespaces[name]
	var gone *Namespace
	if n == nil && !s.closed {
		if s.children >= s.options.MaxChildNamespaces {
			gone = s.dropLocked()
		}
		if s.children < s.options.MaxChildNamespaces {
			n = s.makeLocked(name, p)
		}
	}
	if n != nil {
		n.joining.Add(1)
	}
	s.mu.Unlock()
	if gone != nil {
		_ = gone.adapter.Close()
	}
	return n
}

// dropLocked takes out a child namespace that nobody is in.
func (s *Server) dropLocked() *Namespace {
	for name, n := range s.namespaces {
		if n.parent != nil && n.joining.Load() == 0 {
			delete(s.namespaces, name)
			s.children--
			return n
		}
	}
	return nil
}

// depart is called when a client has left, or did not get in.
func (n *Namespace) depart() { n.joining.Add(-1) }
